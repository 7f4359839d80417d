UPDATE campaign c SET status = 'paused', paused_at = turnpike_now(), pause_code = $2, pause_facts = $3
WHERE c.id = $1 AND c.status IN ('scheduled', 'running')
