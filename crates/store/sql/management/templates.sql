-- A page of an organization's templates, by id.
SELECT t.id, w.meta_id AS waba, t.meta_id, t.name, t.language, t.category, t.status, t.parameter_format, t.components, t.quality,
       t.rejected_reason, t.synced_at, t.status_at
FROM template t JOIN waba w ON w.id = t.waba_id
WHERE w.organization_id = $1 AND t.id > $2 AND ($3::text IS NULL OR t.name = $3) AND ($4::text IS NULL OR t.status = $4)
  AND ($5::bigint IS NULL OR t.id = $5)
ORDER BY t.id LIMIT $6
