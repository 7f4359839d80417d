INSERT INTO sender_number AS n (phone_number_id, phone, organization_id, waba_id, scope_id, throughput) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (phone_number_id) DO UPDATE SET phone = excluded.phone, organization_id = excluded.organization_id,
    waba_id = excluded.waba_id, scope_id = excluded.scope_id, throughput = excluded.throughput
WHERE (n.phone, n.organization_id, n.waba_id, n.scope_id, n.throughput)
    IS DISTINCT FROM (excluded.phone, excluded.organization_id, excluded.waba_id, excluded.scope_id, excluded.throughput)
RETURNING (xmax = 0) AS created
