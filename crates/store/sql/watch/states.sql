-- Messages under way, by number, state and lane; at most $1 of each are counted.
SELECT n.phone_number_id, s.state, l.lane, count(*) AS n
FROM sender_number n CROSS JOIN unnest('{10,20,30,40}'::smallint[]) AS s (state) CROSS JOIN unnest('{0,1}'::smallint[]) AS l (lane)
CROSS JOIN LATERAL (
    SELECT 1 FROM message m
    WHERE m.number_id = n.id AND m.state = s.state AND m.lane = l.lane AND m.wake_at IS NOT NULL AND m.id >= (SELECT f.id FROM live_floor f)
    LIMIT $1
) x
GROUP BY 1, 2, 3
