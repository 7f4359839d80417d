WITH old AS (
    SELECT m.id FROM media m WHERE m.kept_until < $1 ORDER BY m.kept_until LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM media m USING old WHERE m.id = old.id
