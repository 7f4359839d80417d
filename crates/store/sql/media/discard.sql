DELETE FROM media m WHERE m.id = $1 AND m.sha256 IS NULL
