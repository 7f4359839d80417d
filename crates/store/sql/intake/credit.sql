-- How many rows may go to the broker at once, past the scheduler: what the depth of a number leaves, and nothing while older rows
-- wait for it. A moment old when it is used, which is fine: the scheduler keeps the depth, this only saves its pass.
SELECT d.number_id,
       CASE WHEN EXISTS (SELECT 1 FROM message m
                         WHERE m.number_id = d.number_id AND m.state = 10 AND m.lane = 0 AND m.wake_at <= $2)
            THEN 0
            ELSE d.depth - (SELECT count(*) FROM (
                SELECT 1 FROM message m
                WHERE m.number_id = d.number_id AND m.state = 20 AND m.lane = 0 AND m.wake_at IS NOT NULL
                LIMIT d.depth) q)::integer
       END AS rt,
       CASE WHEN EXISTS (SELECT 1 FROM message m
                         WHERE m.number_id = d.number_id AND m.state = 10 AND m.lane = 1 AND m.wake_at <= $2)
              OR EXISTS (SELECT 1 FROM flow f
                         WHERE f.number_id = d.number_id AND f.has_work AND f.status = 'running'
                           AND f.starts_at <= $2)
            THEN 0
            ELSE d.depth - (SELECT count(*) FROM (
                SELECT 1 FROM message m
                WHERE m.number_id = d.number_id AND m.state = 20 AND m.wake_at IS NOT NULL
                LIMIT d.depth) q)::integer
       END AS bulk
FROM number_dispatch d
WHERE d.number_id = ANY ($1)
