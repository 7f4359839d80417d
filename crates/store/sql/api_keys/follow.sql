-- A key is followed by another of the same name and ends at $4, or when it would have ended anyway. The new one is what the old one
-- was; it ends when nobody says so.
WITH known AS (
    SELECT k.* FROM api_key k
    WHERE k.id = $1 AND k.organization_id = $2 AND k.revoked_at IS NULL AND k.followed_by IS NULL AND coalesce(k.expires_at > $5, true)
)
UPDATE api_key k SET followed_by = $3, expires_at = least(k.expires_at, $4)
FROM known WHERE k.id = known.id
RETURNING k.name, k.scopes, k.test, k.allowed_from, k.requests_per_minute, k.expires_at
