-- Stops or starts a flow. Changes a key, so it waits for the admissions that hold the flow, and none that comes later sees the old
-- status.
UPDATE flow f SET status = $3 WHERE f.id = $1 AND f.organization_id = $2 AND f.status = ANY ($4)
