WITH old AS (
    SELECT o.id FROM status_orphan o WHERE o.received_at < $1 ORDER BY o.received_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM status_orphan o USING old WHERE o.id = old.id
