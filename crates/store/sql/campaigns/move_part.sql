-- A part and its flow begin at another time.
WITH moved AS (
    UPDATE campaign_part p SET starts_at = $3, look_at = '-infinity' WHERE p.campaign_id = $1 AND p.part = $2 RETURNING p.flow_id
)
UPDATE flow f SET starts_at = $3 FROM moved v WHERE f.id = v.flow_id
