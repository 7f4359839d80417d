SELECT k.hash, k.answer FROM campaign_chunk k WHERE k.campaign_id = $1 AND k.key = $2
