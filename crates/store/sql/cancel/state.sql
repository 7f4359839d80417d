-- Where a message is that could not be called back.
SELECT m.state, m.delivery, m.claimed_at
FROM message m
WHERE m.organization_id = $1 AND m.id = $2
