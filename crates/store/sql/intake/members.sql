-- Which of these people count towards a scope's messaging limit already.
SELECT e.scope_id, e.recipient
FROM unnest($1::bigint[], $2::text[]) AS u (scope_id, recipient)
JOIN limit_member e ON e.scope_id = u.scope_id AND e.recipient = u.recipient
WHERE e.expires_at > $3
