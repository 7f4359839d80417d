-- The parts of a campaign, with the numbers they go from and how far their flows are.
SELECT p.part, p.number_id, n.phone, n.scope_id, n.waba_id, n.throughput, p.zone, p.audience, p.filled, p.flow_id, p.starts_at, p.look_at,
       coalesce(f.last_seq - f.released_seq, 0) AS held
FROM campaign_part p
JOIN sender_number n ON n.id = p.number_id
LEFT JOIN flow f ON f.id = p.flow_id
WHERE p.campaign_id = $1 ORDER BY p.part
