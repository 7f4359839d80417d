DELETE FROM media m WHERE m.organization_id = $1 AND m.id = $2 AND m.sha256 IS NOT NULL
