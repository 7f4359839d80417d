-- What is null stays as it is. Enabled again, an endpoint begins anew.
UPDATE webhook_endpoint e SET
    url = coalesce($3, e.url), description = coalesce($4, e.description), events = coalesce($5, e.events),
    concurrency = coalesce($6, e.concurrency),
    disabled = CASE WHEN $7::boolean THEN NULL WHEN NOT $7 THEN coalesce(e.disabled, 'operator') ELSE e.disabled END,
    failures = CASE WHEN $7 THEN 0 ELSE e.failures END,
    failing_since = CASE WHEN $7 THEN NULL ELSE e.failing_since END,
    rests_until = CASE WHEN $7 THEN '-infinity' ELSE e.rests_until END
WHERE e.organization_id = $1 AND e.id = $2
