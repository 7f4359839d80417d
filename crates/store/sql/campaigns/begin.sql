-- Campaigns whose time has come run.
UPDATE campaign c SET status = 'running' WHERE c.status = 'scheduled' AND c.starts_at <= turnpike_now()
RETURNING c.id
