DELETE FROM webhook_endpoint e WHERE e.organization_id = $1 AND e.id = $2
