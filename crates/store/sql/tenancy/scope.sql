-- A messaging limit that Meta told us by webhook is newer than the file, but the file is what the operator says now.
INSERT INTO limit_scope AS s (key, max_members) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET max_members = excluded.max_members
WHERE s.max_members IS DISTINCT FROM excluded.max_members
RETURNING (xmax = 0) AS created
