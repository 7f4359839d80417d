-- The recipients of a part up to $3 are messages of its flow, or look again at $4.
WITH filled AS (
    UPDATE campaign_part p SET filled = $3, look_at = coalesce($4, p.look_at) WHERE p.campaign_id = $1 AND p.part = $2 RETURNING p.flow_id, p.filled
)
UPDATE flow f SET last_seq = d.filled FROM filled d WHERE f.id = d.flow_id AND f.last_seq < d.filled
