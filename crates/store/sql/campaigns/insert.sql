INSERT INTO campaign (id, organization_id, name, options, retry_of, created_at) VALUES ($1, $2, $3, $4, $5, $6)
