-- The ramp does not go on while nothing does.
UPDATE campaign c SET
    status = CASE WHEN c.starts_at > turnpike_now() THEN 'scheduled' ELSE 'running' END,
    ramp_from = c.ramp_from + greatest(turnpike_now() - greatest(c.paused_at, c.ramp_from), '0'),
    pause_code = NULL, pause_facts = NULL
WHERE c.id = $1 AND c.status = 'paused'
