-- The attempt before this one, if there was one, moves to the list of earlier ones, which keeps the last fifty.
-- Fenced by the attempt: what a deliverer says who counted as dead meanwhile changes nothing, but a delivery stays delivered.
UPDATE webhook_delivery d SET
    state = u.state, wake_at = u.wake_at, ended_at = $9, http_status = u.http_status, took_ms = u.took_ms, error = u.error,
    earlier = CASE WHEN d.ended_at IS NULL THEN d.earlier
        ELSE CASE WHEN jsonb_array_length(d.earlier) >= 50 THEN d.earlier - 0 ELSE coalesce(d.earlier, '[]') END
            || jsonb_build_object('ended_at', to_jsonb(d.ended_at AT TIME ZONE 'UTC') #>> '{}' || 'Z', 'http_status', d.http_status,
                                  'took_ms', d.took_ms, 'error', d.error) END
FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::timestamptz[], $6::smallint[], $7::integer[], $8::text[])
    AS u (endpoint_id, sequence, attempts, state, wake_at, http_status, took_ms, error)
WHERE d.endpoint_id = u.endpoint_id AND d.sequence = u.sequence AND d.state = 2 AND (d.attempts = u.attempts OR u.state = 3)
