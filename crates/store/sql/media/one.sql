SELECT m.id, m.mime, m.size, m.sha256, m.filename, m.created_at, m.kept_until
FROM media m WHERE m.organization_id = $1 AND m.id = $2 AND m.sha256 IS NOT NULL
