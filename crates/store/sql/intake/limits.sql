-- What is used of these scopes' messaging limits. Memberships that are over are still counted in members until an admission needs
-- the room; there are few of them, and they have an index.
SELECT s.id, s.max_members,
       s.members - (SELECT count(*) FROM limit_member e WHERE e.scope_id = s.id AND e.expires_at <= $2)::integer AS used
FROM limit_scope s
WHERE s.id = ANY ($1) AND s.max_members IS NOT NULL
