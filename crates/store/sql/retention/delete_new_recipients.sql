WITH old AS (
    SELECT c.organization_id, c.minute FROM new_recipient_count c WHERE c.minute < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM new_recipient_count c USING old WHERE c.organization_id = old.organization_id AND c.minute = old.minute
