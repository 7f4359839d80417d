UPDATE campaign_part p SET flow_id = $3, starts_at = $4, is_open = true WHERE p.campaign_id = $1 AND p.part = $2
