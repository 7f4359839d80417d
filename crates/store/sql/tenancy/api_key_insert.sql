INSERT INTO api_key (id, organization_id, name, secret_hash, scopes) VALUES ($1, $2, $3, $4, $5)
