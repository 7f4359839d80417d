-- What messages wait for that have not ended, for people.
SELECT state, reason, attempt, failures, rings, flow_id IS NOT NULL AS in_flow, count(*) AS messages,
       min(extract(epoch FROM wake_at - now()))::int AS wakes_in_s
FROM message WHERE state < 50 GROUP BY 1, 2, 3, 4, 5, 6
