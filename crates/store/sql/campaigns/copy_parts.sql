-- Its parts, each as large as what was copied.
INSERT INTO campaign_part (campaign_id, part, number_id, zone, audience)
SELECT $1, p.part, p.number_id, p.zone, count(r.recipient)
FROM campaign_part p JOIN campaign_recipient r ON r.campaign_id = $1 AND r.part = p.part
WHERE p.campaign_id = $2 GROUP BY p.part, p.number_id, p.zone
RETURNING audience
