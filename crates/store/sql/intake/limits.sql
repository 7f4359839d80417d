-- What is used of these scopes' messaging limits, and when the next places come free: as many as a broadcast may ask for. Memberships that are over are still counted in members until an admission needs
-- the room; there are few of them, and they have an index.
SELECT s.id, s.max_members,
       s.members - (SELECT count(*) FROM limit_member e WHERE e.scope_id = s.id AND e.expires_at <= $2)::integer AS used,
       ARRAY(SELECT e.expires_at FROM limit_member e WHERE e.scope_id = s.id AND e.expires_at > $2 ORDER BY e.expires_at LIMIT 256) AS frees
FROM limit_scope s
WHERE s.id = ANY ($1) AND s.max_members IS NOT NULL
