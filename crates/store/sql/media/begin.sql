INSERT INTO media (id, organization_id, created_at, filename, kept_until) VALUES ($1, $2, $3::timestamptz, $4, $3::timestamptz + interval '1 day')
