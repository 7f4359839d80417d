-- One key by its public half.
SELECT k.organization_id, k.secret_hash, k.scopes, k.expires_at, k.revoked_at, k.test, k.allowed_from, k.requests_per_minute
FROM api_key k
WHERE k.id = $1
