INSERT INTO idempotency (organization_id, key, request_hash, status, answer, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
