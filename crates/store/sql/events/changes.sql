-- The rows that hold the $3 changes behind $2; a row that begins before $2 and ends after it is one of them. Numbers have no gaps, but old
-- ones may be gone, so the count begins with the first that is there. `500` is for the index: no row holds more changes (V0006).
SELECT e.sequence, e.at, e.kind, e.reason, e.flow_id, e.message_ids, e.flow_ids, e.data
FROM (
    SELECT greatest($2, f.sequence - f.size) AS sequence
    FROM event f WHERE f.organization_id = $1 AND f.sequence > $2 ORDER BY f.sequence LIMIT 1
) behind
JOIN event e ON e.organization_id = $1 AND e.sequence > $2 AND e.sequence < behind.sequence + $3 + 500
WHERE e.sequence - e.size < behind.sequence + $3
ORDER BY e.sequence
