-- Fenced by the attempt: what a deliverer says who counted as dead meanwhile changes nothing, but a delivery stays delivered.
UPDATE webhook_delivery d SET
    state = u.state, wake_at = u.wake_at, ended_at = $9, http_status = u.http_status, took_ms = u.took_ms, error = u.error
FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::timestamptz[], $6::smallint[], $7::integer[], $8::text[])
    AS u (endpoint_id, sequence, attempts, state, wake_at, http_status, took_ms, error)
WHERE d.endpoint_id = u.endpoint_id AND d.sequence = u.sequence AND d.state = 2 AND (d.attempts = u.attempts OR u.state = 3)
