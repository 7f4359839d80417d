-- Rows that wait for their flow's cursor are for another time: $2, and not after $3.
UPDATE message m SET scheduled_at = $2, expires_at = $3
FROM flow f
WHERE f.id = $1 AND m.flow_id = f.id AND m.seq > f.released_seq AND m.state = 10 AND m.wake_at IS NULL
  AND m.id >= uuid_floor(f.created_at - interval '1 h')
