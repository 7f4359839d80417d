-- An organization's campaigns, the newest first, behind $2, of status $3 if one is given.
SELECT c.id, c.organization_id, c.name, c.status, c.options, c.retry_of, c.audience, c.duplicates, c.invalid, c.created_at, c.starts_at,
       c.ended_at, c.paused_at, c.pause_code, c.pause_facts, c.ramp_from
FROM campaign c
WHERE c.organization_id = $1 AND ($2::uuid IS NULL OR c.id < $2) AND ($3::text IS NULL OR c.status = $3)
ORDER BY c.id DESC LIMIT $4
