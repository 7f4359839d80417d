-- Meta counts a person for 24 hours from delivery. A row that somebody else holds right now is left out: an admission is pushing it
-- further than we would, and waiting for it here, with messages locked, could end in a deadlock.
WITH delivered AS (
    SELECT m.scope_id, m.recipient, max(u.at) + interval '24 h 60 s' AS until
    FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
    CROSS JOIN LATERAL (SELECT m.scope_id, m.recipient FROM message m WHERE m.id = u.id AND NOT m.test) m
    GROUP BY m.scope_id, m.recipient
), early AS (
    SELECT e.scope_id, e.recipient, d.until
    FROM delivered d JOIN limit_member e ON e.scope_id = d.scope_id AND e.recipient = d.recipient
    WHERE e.expires_at < d.until
    FOR UPDATE OF e SKIP LOCKED
)
UPDATE limit_member e SET expires_at = early.until
FROM early WHERE e.scope_id = early.scope_id AND e.recipient = early.recipient
