-- What waited for the end of the pause is looked at again at once.
WITH parked AS (
    SELECT m.id FROM message m
    WHERE m.number_id = $1 AND m.state = 10 AND m.wake_at > turnpike_now() AND m.reason IN ('sender_paused', 'account_restricted')
      AND m.id >= (SELECT l.id FROM live_floor l)
    ORDER BY m.id FOR UPDATE
)
UPDATE message m SET wake_at = turnpike_now() FROM parked p WHERE m.id = p.id AND m.state = 10
