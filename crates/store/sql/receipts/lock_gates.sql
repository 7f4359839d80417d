SELECT 1 FROM number_gate g
WHERE g.number_id IN (SELECT n.id FROM sender_number n WHERE n.phone = ANY ($1))
ORDER BY g.number_id FOR UPDATE
