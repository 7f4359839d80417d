-- What is under way on the numbers of an organization: rows with an alarm, by state and reason. At most $2 rows of each number and
-- state are counted, so that the answer is quick however much waits.
SELECT n.id AS number_id, x.state, x.reason, count(*) AS n
FROM sender_number n
CROSS JOIN unnest('{10,20,30,40}'::smallint[]) AS s (state)
CROSS JOIN LATERAL (
    SELECT m.state, m.reason FROM message m
    WHERE m.number_id = n.id AND m.state = s.state AND m.wake_at IS NOT NULL AND m.id >= (SELECT l.id FROM live_floor l)
    LIMIT $2
) x
WHERE n.organization_id = $1
GROUP BY 1, 2, 3
