-- The log of an endpoint, newest first.
SELECT w.sequence, w.state, w.attempts, w.wake_at, w.created_at, w.ended_at, w.http_status, w.took_ms, w.error, w.earlier, o.slug,
       (SELECT v.kind FROM event v WHERE v.organization_id = w.organization_id AND v.sequence >= w.sequence ORDER BY v.sequence LIMIT 1) AS kind
FROM webhook_delivery w JOIN organization o ON o.id = w.organization_id
WHERE w.organization_id = $1 AND w.endpoint_id = $2 AND w.sequence < $3 AND ($4::smallint[] IS NULL OR w.state = ANY ($4))
ORDER BY w.sequence DESC LIMIT $5
