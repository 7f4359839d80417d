-- The messaging limits of messages that were delivered $3 or more after their claim. Before the messages, as admission takes them: an
-- admission and a pass of webhooks then never wait for each other crosswise. Most deliveries are prompt, and lock nothing here.
SELECT FROM limit_scope s
WHERE s.max_members IS NOT NULL AND s.id IN (
    SELECT m.scope_id FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
    CROSS JOIN LATERAL (SELECT m.scope_id, m.claimed_at FROM message m WHERE m.id = u.id AND m.counted) m
    WHERE u.at > m.claimed_at + make_interval(secs => $3)
)
ORDER BY s.id FOR UPDATE
