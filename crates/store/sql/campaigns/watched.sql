-- Campaigns that may have to be stopped.
SELECT c.id, c.organization_id, c.options FROM campaign c WHERE c.status IN ('scheduled', 'running') ORDER BY c.id
