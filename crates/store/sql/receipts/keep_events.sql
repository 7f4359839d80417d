INSERT INTO status_event (id, status, at, attempt, received_at, errors, pricing)
SELECT u.id, u.status, u.at, u.attempt, u.received_at, u.errors::jsonb, u.pricing::jsonb
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::integer[], $5::timestamptz[], $6::text[], $7::text[])
    AS u (id, status, at, attempt, received_at, errors, pricing)
ON CONFLICT (id, status, at) DO NOTHING
