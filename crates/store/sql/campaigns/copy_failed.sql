-- The recipients whom a campaign failed to reach, for another that goes to them again. Not those whose outcome nobody knows, nor those
-- who do not want it.
INSERT INTO campaign_recipient (campaign_id, recipient, part, seq, params, metadata)
SELECT $1, r.recipient, r.part, row_number() OVER (PARTITION BY r.part ORDER BY r.seq), r.params, r.metadata
FROM campaign_part p
JOIN flow f ON f.id = p.flow_id
JOIN message m ON m.flow_id = f.id AND m.id >= uuid_floor(f.created_at - interval '1 h')
JOIN campaign_recipient r ON r.campaign_id = p.campaign_id AND r.part = p.part AND r.seq = m.seq
WHERE p.campaign_id = $2 AND (m.state = 60 OR (m.state = 50 AND m.delivery = 2)) AND m.reason IS DISTINCT FROM 'opted_out'
