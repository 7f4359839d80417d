-- The locks of an admission whose commit is in doubt, in its own order: they wait for it, should it still be running.
SELECT 1 FROM number_gate g
WHERE g.number_id IN (SELECT m.number_id FROM message m WHERE m.id = ANY ($1))
ORDER BY g.number_id FOR UPDATE
