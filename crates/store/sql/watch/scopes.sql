SELECT s.key, s.max_members, s.members - over.n AS used
FROM limit_scope s
CROSS JOIN LATERAL (SELECT count(*)::integer AS n FROM limit_member e WHERE e.scope_id = s.id AND e.expires_at <= turnpike_now()) over
