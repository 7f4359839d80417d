WITH old AS (
    SELECT f.organization_id, f.recipient, f.message_id FROM frequency_place f
    WHERE f.taken_at < $1 ORDER BY f.taken_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM frequency_place f USING old
WHERE f.organization_id = old.organization_id AND f.recipient = old.recipient AND f.message_id = old.message_id
