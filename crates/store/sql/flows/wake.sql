-- Rows that admission parked because the flow was paused may be looked at again.
WITH parked AS (
    SELECT m.id FROM flow f JOIN message m ON m.flow_id = f.id AND m.id >= uuid_floor(f.created_at - interval '1 h')
    WHERE f.id = $1 AND m.state = 10 AND m.reason = 'flow_paused' ORDER BY m.id FOR UPDATE OF m
)
UPDATE message m SET wake_at = turnpike_now() FROM parked p WHERE m.id = p.id AND m.state = 10
