INSERT INTO api_key (id, organization_id, name, secret_hash, scopes, test, expires_at, allowed_from, requests_per_minute)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
