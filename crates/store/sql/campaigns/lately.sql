-- How the last attempts of a campaign ended: of each part the last $2 rows that were released.
SELECT count(*) AS attempts,
       count(*) FILTER (WHERE m.state = 60 OR m.delivery = 2) AS failed,
       array_agg(DISTINCT m.reason) FILTER (WHERE m.reason LIKE 'meta\_%' AND (m.state = 60 OR m.delivery = 2)) AS reasons
FROM campaign_part p
JOIN flow f ON f.id = p.flow_id
JOIN message m ON m.flow_id = f.id AND m.seq > f.released_seq - $2 AND m.seq <= f.released_seq AND m.id >= uuid_floor(f.created_at - interval '1 h')
WHERE p.campaign_id = $1 AND m.attempt > 0 AND m.state IN (50, 60)
