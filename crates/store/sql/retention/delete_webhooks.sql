-- Only what was applied. Oldest first, and what is being deleted elsewhere is left to whoever does it.
WITH old AS (
    SELECT i.id FROM webhook_inbox i
    WHERE i.received_at < $1 AND i.applied_at IS NOT NULL
    ORDER BY i.received_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM webhook_inbox i USING old WHERE i.id = old.id
