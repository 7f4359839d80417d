SELECT e.id, e.failures, e.failing_since FROM webhook_endpoint e WHERE e.id = ANY ($1) ORDER BY e.id FOR NO KEY UPDATE
