-- Who is suppressed, by number, behind the last one of the page before.
SELECT s.recipient, s.source, s.created_at, s.marketing_only
FROM suppression s
WHERE s.organization_id = $1 AND ($2::text IS NULL OR s.recipient > $2 COLLATE "C")
ORDER BY s.recipient
LIMIT $3
