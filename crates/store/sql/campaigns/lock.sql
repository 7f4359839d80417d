-- The same, locked: whoever changes a campaign waits for the others who do.
SELECT c.id, c.organization_id, c.name, c.status, c.options, c.retry_of, c.audience, c.duplicates, c.invalid, c.created_at, c.starts_at,
       c.ended_at, c.paused_at, c.pause_code, c.pause_facts, c.ramp_from
FROM campaign c WHERE c.id = $1 AND c.organization_id = $2 FOR UPDATE
