-- What has its number: the rows that hold the $3 changes behind $2, as in changes.sql.
SELECT e.sequence, e.at, e.kind, e.reason, e.flow_id, e.message_ids, e.flow_ids, e.data, o.slug
FROM organization o CROSS JOIN LATERAL (
    SELECT greatest($2, f.sequence - f.size) AS sequence
    FROM event f WHERE f.organization_id = o.id AND f.sequence > $2 ORDER BY f.sequence LIMIT 1
) behind
JOIN event e ON e.organization_id = o.id AND e.sequence > $2 AND e.sequence < behind.sequence + $3 + 500
WHERE o.id = $1 AND e.sequence - e.size < behind.sequence + $3
ORDER BY e.sequence
