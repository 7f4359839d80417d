-- The secret so far signs too until $5.
UPDATE webhook_endpoint e SET secret = $3, old_secret = $4, old_secret_until = $5 WHERE e.organization_id = $1 AND e.id = $2
