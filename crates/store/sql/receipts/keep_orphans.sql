INSERT INTO status_orphan (received_at, wamid, message_id, attempt, status)
SELECT u.received_at, u.wamid, u.message_id, u.attempt, u.status::jsonb
FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::integer[], $5::text[])
    AS u (received_at, wamid, message_id, attempt, status)
