SELECT id, secret_hash, scopes FROM api_key WHERE organization_id = $1 AND name = $2 AND revoked_at IS NULL
