-- Endpoints of an organization: one ($2), or all.
SELECT e.id, e.url, e.of_messages, e.description, e.events, e.concurrency, e.secret, e.old_secret,
       CASE WHEN e.old_secret_until > $3 THEN e.old_secret_until END AS old_secret_until, e.disabled, e.failures, e.failing_since,
       CASE WHEN e.rests_until > $3 THEN e.rests_until END AS rests_until, e.created_at,
       (SELECT count(*) FROM (SELECT 1 FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state IN (1, 2) AND d.wake_at IS NOT NULL LIMIT 10001) x) AS waiting
FROM webhook_endpoint e WHERE e.organization_id = $1 AND ($2::uuid IS NULL OR e.id = $2) ORDER BY e.id
