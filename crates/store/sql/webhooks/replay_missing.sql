-- Events of the same stretch that never were to be delivered: from before the endpoint was there, or while it was disabled.
INSERT INTO webhook_delivery (endpoint_id, sequence, organization_id, wake_at, created_at)
SELECT p.id, s.sequence, p.organization_id, turnpike_now(), turnpike_now()
FROM webhook_endpoint p
JOIN event e ON e.organization_id = p.organization_id AND e.sequence >= $3 AND e.sequence - e.size < $4
CROSS JOIN LATERAL generate_series(greatest(e.sequence - e.size + 1, $3), least(e.sequence, $4)) AS s (sequence)
WHERE p.organization_id = $1 AND p.id = $2 AND NOT p.of_messages AND e.kind <> $5 AND is_wanted(p.events, e.kind)
ON CONFLICT DO NOTHING
