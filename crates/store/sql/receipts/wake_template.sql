-- Messages that wait because a template was closed are looked at again at once: they go, or they fail with the reason.
WITH parked AS (
    SELECT m.id FROM message m
    WHERE m.number_id IN (SELECT n.id FROM sender_number n JOIN template t ON t.waba_id = n.waba_id WHERE t.id = $1)
      AND m.state = 10 AND m.wake_at > turnpike_now() AND m.template_id = $1
      AND (m.reason = 'template_paused' OR m.reason LIKE 'meta\_1320__')
      AND m.id >= (SELECT l.id FROM live_floor l)
    ORDER BY m.id LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE message m SET wake_at = turnpike_now() FROM parked p WHERE m.id = p.id AND m.state = 10
