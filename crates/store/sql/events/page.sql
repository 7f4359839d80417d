-- What has its number, behind $2; a row that begins before $2 and ends after it is found too.
SELECT e.sequence, e.at, e.kind, e.reason, e.flow_id, e.message_ids, e.data, o.slug
FROM organization o JOIN event e ON e.organization_id = o.id
WHERE o.id = $1 AND e.sequence > $2 ORDER BY e.sequence LIMIT $3
