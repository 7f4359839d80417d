-- A status with our callback string proves that Meta accepted the message, whatever we believed: every state but a refusal, an
-- expiry and a cancellation becomes accepted (50). The view of its delivery is the highest rank ever seen; a reason is shown only while
-- that is failed ($4), and comes from the newest event that says so, so it is the same whatever order they came in.
UPDATE message m SET
    state      = 50,
    wake_at    = NULL,
    claim      = NULL,
    wamid      = coalesce(m.wamid, u.wamid),
    delivery   = greatest(m.delivery, u.delivery),
    reason     = CASE WHEN greatest(m.delivery, u.delivery) = $4::smallint THEN (
                     SELECT 'meta_' || coalesce(e.errors -> 0 ->> 'code', '0') FROM status_event e
                     WHERE e.id = m.id AND e.status = 'failed' ORDER BY e.at DESC LIMIT 1) END,
    changed_at = CASE WHEN m.state = 50 THEN m.changed_at ELSE turnpike_now() END
FROM unnest($1::uuid[], $2::smallint[], $3::text[]) AS u (id, delivery, wamid)
WHERE m.id = u.id AND m.state IN (10, 20, 30, 40, 50, 63)
  -- What says nothing new writes nothing.
  AND (m.state <> 50 OR m.wamid IS NULL OR u.delivery > m.delivery OR (u.delivery = $4::smallint AND m.delivery = u.delivery))
