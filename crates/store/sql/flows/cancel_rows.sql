-- Calls back the rows of a part of a flow that are not handed over, behind $2 and up to $3. Locked in order, as everywhere.
WITH waiting AS (
    SELECT m.id FROM flow f JOIN message m ON m.flow_id = f.id AND m.id >= uuid_floor(f.created_at - interval '1 h')
    WHERE f.id = $1 AND m.seq > $2 AND m.seq <= $3 AND m.state IN (10, 20) ORDER BY m.id FOR UPDATE OF m
)
UPDATE message m SET state = 62, reason = 'canceled', wake_at = NULL, changed_at = turnpike_now()
FROM waiting w WHERE m.id = w.id AND m.state IN (10, 20)
