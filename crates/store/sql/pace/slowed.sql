-- The numbers that are slowed down.
SELECT g.number_id, g.slowed_to, g.slowed_at, n.throughput, turnpike_now() AS read_at
FROM number_gate g JOIN sender_number n ON n.id = g.number_id
WHERE g.slowed_at IS NOT NULL
ORDER BY g.number_id
