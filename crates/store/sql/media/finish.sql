-- The file is whole. Should the organization have the same one already, that one stays; the statement after this throws ours away.
WITH known AS (
    UPDATE media m SET kept_until = greatest(m.kept_until, $6) WHERE m.organization_id = $2 AND m.sha256 = $3 RETURNING m.id
), done AS (
    UPDATE media m SET sha256 = $3, mime = $4, size = $5, kept_until = $6
    WHERE m.id = $1 AND NOT EXISTS (SELECT FROM known) RETURNING m.id
)
SELECT id, false AS new FROM known UNION ALL SELECT id, true FROM done
