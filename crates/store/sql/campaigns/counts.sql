-- How many messages of a campaign are where, and why, by template; and how many went in the last minute.
SELECT m.state, m.delivery, m.reason, m.template_id, coalesce(m.scheduled_at > $2, false) AS waits, count(*) AS n,
       count(*) FILTER (WHERE m.attempt > 0 AND m.claimed_at > $2 - interval '1 min') AS lately
FROM campaign_part p
JOIN flow f ON f.id = p.flow_id
JOIN message m ON m.flow_id = f.id AND m.id >= uuid_floor(f.created_at - interval '1 h')
WHERE p.campaign_id = $1
GROUP BY 1, 2, 3, 4, 5
