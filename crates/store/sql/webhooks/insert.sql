-- Hears what comes after the last event that has its number.
INSERT INTO webhook_endpoint (id, organization_id, url, description, events, concurrency, secret, from_sequence, created_at)
SELECT $1, $2, $3, $4, $5, $6, $7, coalesce((SELECT c.last_sequence FROM event_counter c WHERE c.organization_id = $2), 0), $8
WHERE (SELECT count(*) FROM webhook_endpoint e WHERE e.organization_id = $2 AND NOT e.of_messages) < $9
