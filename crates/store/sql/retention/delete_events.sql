-- Looks at the oldest rows only, so it costs the same however many there are. What nobody told goes later, when it is no news any more.
WITH old AS (
    SELECT e.id FROM (SELECT o.* FROM event o ORDER BY o.id LIMIT $3) e
    LEFT JOIN event_counter c ON c.organization_id = e.organization_id
    WHERE e.at < CASE WHEN e.sequence <= c.published_sequence THEN $1::timestamptz ELSE $2 END
)
DELETE FROM event e USING old WHERE e.id = old.id
