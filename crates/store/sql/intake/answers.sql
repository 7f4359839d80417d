-- What was answered to these idempotency keys before.
SELECT a.organization_id, a.key, a.request_hash, a.status, a.answer
FROM unnest($1::bigint[], $2::text[]) AS u (organization_id, key)
JOIN idempotency a ON a.organization_id = u.organization_id AND a.key = u.key
