UPDATE campaign_part p SET is_open = true, look_at = '-infinity' WHERE p.campaign_id = $1
