WITH made AS (
    INSERT INTO sender_number (phone_number_id, phone, organization_id, waba_id, scope_id, throughput)
    SELECT phone_number_id || '77', phone || '77', organization_id, waba_id, scope_id, throughput FROM sender_number ORDER BY id LIMIT 1
    RETURNING id
), gate AS (
    INSERT INTO number_gate (number_id, slots_per_second) SELECT id, 75 FROM made
)
INSERT INTO number_dispatch (number_id, depth) SELECT id, 120 FROM made
