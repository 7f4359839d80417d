WITH old AS (
    SELECT i.organization_id, i.key FROM idempotency i
    WHERE i.created_at < $1
    ORDER BY i.created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM idempotency i USING old WHERE i.organization_id = old.organization_id AND i.key = old.key
