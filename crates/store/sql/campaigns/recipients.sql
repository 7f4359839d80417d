-- The recipients of a part behind $3, up to $4.
SELECT r.recipient, r.seq, r.params, r.metadata FROM campaign_recipient r
WHERE r.campaign_id = $1 AND r.part = $2 AND r.seq > $3 AND r.seq <= $4 ORDER BY r.seq
