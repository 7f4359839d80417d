SELECT id, secret_hash, scopes, test, expires_at, allowed_from, requests_per_minute
FROM api_key WHERE organization_id = $1 AND name = $2 AND revoked_at IS NULL AND followed_by IS NULL
