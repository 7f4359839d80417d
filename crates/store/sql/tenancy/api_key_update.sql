UPDATE api_key SET id = $2, secret_hash = $3, scopes = $4, expires_at = $5, allowed_from = $6, requests_per_minute = $7 WHERE id = $1
