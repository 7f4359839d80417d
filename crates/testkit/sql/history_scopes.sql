-- What each messaging-limit scope counts, and whom it counts.
SELECT s.id, s.key, s.max_members, s.members,
       coalesce((SELECT jsonb_agg(e.recipient) FROM limit_member e WHERE e.scope_id = s.id), '[]') AS recipients
FROM limit_scope s
