-- The messaging-limit scopes of an organization. Memberships that are over are still counted in members until an admission needs the
-- room, so they are taken off here.
SELECT s.id, s.key, s.max_members, s.members - over.n AS used, next.expires_at AS next_release, turnpike_now() AS read_at
FROM limit_scope s
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS n FROM limit_member e WHERE e.scope_id = s.id AND e.expires_at <= turnpike_now()
) over
LEFT JOIN LATERAL (
    SELECT e.expires_at FROM limit_member e WHERE e.scope_id = s.id AND e.expires_at > turnpike_now() ORDER BY e.expires_at LIMIT 1
) next ON true
WHERE s.id IN (SELECT n.scope_id FROM sender_number n WHERE n.organization_id = $1)
ORDER BY s.key
