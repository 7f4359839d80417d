INSERT INTO balance_account (organization_id, currency) VALUES ($1, $2) ON CONFLICT DO NOTHING
