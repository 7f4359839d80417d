INSERT INTO waba (meta_id, organization_id, scope_id, access_token) VALUES ($1, $2, $3, $4) RETURNING id
