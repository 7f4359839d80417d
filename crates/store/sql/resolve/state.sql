-- Where a message stands that somebody wants to resolve.
SELECT m.state, m.delivery, m.attempt, m.expires_at, turnpike_now() AS read_at
FROM message m
WHERE m.organization_id = $1 AND m.id = $2
