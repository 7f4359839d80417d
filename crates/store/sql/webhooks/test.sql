INSERT INTO event (organization_id, size, at, kind, message_ids, data, calls_back)
SELECT e.organization_id, 1, turnpike_now(), $3, '{}', jsonb_build_object('endpoint_id', e.id), true
FROM webhook_endpoint e WHERE e.organization_id = $1 AND e.id = $2 AND e.disabled IS NULL
