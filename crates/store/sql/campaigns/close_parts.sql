-- Waits for those who are filling; nobody fills them afterwards.
WITH locked AS (
    SELECT p.part FROM campaign_part p WHERE p.campaign_id = $1 ORDER BY p.part FOR UPDATE
)
UPDATE campaign_part p SET is_open = false FROM locked l WHERE p.campaign_id = $1 AND p.part = l.part
