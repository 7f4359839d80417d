-- Takes rows out of the queue that the rules would not let go. Only rows that are still queued: whoever moved one meanwhile knew
-- better. The locks first and in order, as everywhere.
WITH verdict AS (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::timestamptz[], $4::text[]) AS u (id, state, until, reason)
), locked AS (
    SELECT m.id FROM message m WHERE m.id = ANY ($1) AND m.state = 20 ORDER BY m.id FOR UPDATE
)
UPDATE message m SET
    state = v.state,
    -- Never later than the message's own end: there the scheduler finds it and calls it expired.
    wake_at = CASE WHEN v.state = 10 THEN least(v.until, m.expires_at) END,
    -- The window may have moved since the row was last parked.
    edge_at = CASE WHEN m.category = 0 AND v.state = 10 THEN (
        SELECT k.last_inbound_at + make_interval(secs => $5) FROM contact k WHERE k.number_id = m.number_id AND k.recipient = m.recipient) END,
    reason = v.reason, rings = 0, changed_at = turnpike_now()
FROM verdict v JOIN locked l ON l.id = v.id
WHERE m.id = v.id AND m.state = 20
RETURNING m.id
