INSERT INTO recipient_zone (organization_id, recipient, zone) VALUES ($1, $2, $3)
ON CONFLICT (organization_id, recipient) DO UPDATE SET zone = excluded.zone
