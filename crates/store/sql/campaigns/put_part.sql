INSERT INTO campaign_part (campaign_id, part, number_id, zone) VALUES ($1, $2, $3, $4)
