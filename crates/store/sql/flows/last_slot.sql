-- How many seconds until the last slot that was given to a row of this flow ($1) or of this number ($2) has passed; $3 is the lease,
-- in seconds, that the alarm of a claimed row stands behind its slot.
SELECT extract(epoch FROM max(m.wake_at) - $3::double precision * interval '1 s' - turnpike_now())::double precision AS seconds
FROM message m
WHERE m.state = 30 AND m.id >= (SELECT l.id FROM live_floor l)
  AND m.number_id = coalesce($2::bigint, (SELECT f.number_id FROM flow f WHERE f.id = $1)) AND m.wake_at IS NOT NULL
  AND ($1::uuid IS NULL OR m.flow_id = $1)
