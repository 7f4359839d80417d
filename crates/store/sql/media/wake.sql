-- What waited for an upload to this number is looked at again at once.
WITH parked AS (
    SELECT m.id FROM message m
    WHERE m.number_id = $1 AND m.state = 10 AND m.wake_at > turnpike_now() AND m.reason = 'media_upload'
      AND m.id >= (SELECT l.id FROM live_floor l)
    ORDER BY m.id FOR UPDATE
)
UPDATE message m SET wake_at = turnpike_now() FROM parked p WHERE m.id = p.id AND m.state = 10
