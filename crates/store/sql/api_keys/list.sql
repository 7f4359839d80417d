-- The keys of an organization, the newest first.
SELECT k.id, k.name, k.scopes, k.test, k.allowed_from, k.requests_per_minute, k.created_at, k.expires_at, k.revoked_at, k.followed_by
FROM api_key k
WHERE k.organization_id = $1 AND ($2::text IS NULL OR k.id = $2)
ORDER BY k.created_at DESC, k.id
LIMIT 1000
