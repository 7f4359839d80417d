WITH old AS (
    SELECT c.organization_id, c.content, c.hour FROM content_count c WHERE c.hour < $1 ORDER BY c.hour LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM content_count c USING old WHERE c.organization_id = old.organization_id AND c.content = old.content AND c.hour = old.hour
