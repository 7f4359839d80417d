-- A row that was told in part ends after $2 and begins before it, so it is found too.
SELECT e.sequence, e.at, e.kind, e.reason, e.flow_id, e.message_ids, e.data FROM event e
WHERE e.organization_id = $1 AND e.sequence > $2 ORDER BY e.sequence LIMIT $3
