UPDATE api_key SET revoked_at = coalesce(revoked_at, $3) WHERE id = $1 AND organization_id = $2
