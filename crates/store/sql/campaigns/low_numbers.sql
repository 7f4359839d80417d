-- The numbers of a campaign that Meta rates low.
SELECT DISTINCT n.phone FROM campaign_part p JOIN sender_number n ON n.id = p.number_id
WHERE p.campaign_id = $1 AND n.quality = 'RED' ORDER BY n.phone
