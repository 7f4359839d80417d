-- Whatever Meta told of accounts that are declared here; of others it is nobody's business. Repeated ones are one row.
INSERT INTO account_event (waba_id, at, received_at, field, event, value, fingerprint)
SELECT w.id, u.at, u.received_at, u.field, u.event, u.value, u.fingerprint
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::text[], $5::text[], $6::jsonb[], $7::bytea[])
     AS u (waba, at, received_at, field, event, value, fingerprint)
JOIN waba w ON w.meta_id = u.waba
ORDER BY u.received_at, u.fingerprint
ON CONFLICT DO NOTHING
