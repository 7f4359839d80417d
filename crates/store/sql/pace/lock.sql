SELECT g.slowed_to, g.slowed_at, n.throughput, turnpike_now() AS read_at
FROM number_gate g JOIN sender_number n ON n.id = g.number_id
WHERE g.number_id = $1
FOR UPDATE OF g
