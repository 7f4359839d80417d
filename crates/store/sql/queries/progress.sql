-- Where some messages of one organization are.
SELECT m.id, m.state, m.delivery, m.reason, m.scheduled_at
FROM message m
WHERE m.organization_id = $1 AND m.id = ANY ($2)
