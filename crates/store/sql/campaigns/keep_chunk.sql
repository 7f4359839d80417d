INSERT INTO campaign_chunk (campaign_id, key, hash, answer, created_at) VALUES ($1, $2, $3, $4, $5)
