-- The numbers of the events between two times; null when there is none.
SELECT min(e.sequence - e.size + 1) AS first, max(e.sequence) AS last FROM event e
WHERE e.organization_id = $1 AND e.sequence IS NOT NULL AND e.at >= coalesce($2::timestamptz, '-infinity') AND e.at <= coalesce($3::timestamptz, 'infinity')
