WITH before AS (
    SELECT s.id, s.max_members FROM limit_scope s
    WHERE s.id = (SELECT w.scope_id FROM waba w WHERE w.meta_id = $1) FOR UPDATE
)
UPDATE limit_scope s SET max_members = $2 FROM before
WHERE s.id = before.id AND s.max_members IS DISTINCT FROM $2
RETURNING s.id, s.members, s.max_members, before.max_members AS max_members_before
