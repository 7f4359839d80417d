-- How many rows of a flow are where, and why.
SELECT m.state, m.delivery, m.reason, coalesce(m.scheduled_at > $2, false) AS waits, count(*) AS n
FROM message m
WHERE m.flow_id = $1
GROUP BY 1, 2, 3, 4
