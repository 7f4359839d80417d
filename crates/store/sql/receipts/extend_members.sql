-- Meta counts a person for 24 hours from delivery, whether or not there is room: a place that ended before the delivery is taken anew.
-- A message that does not belong to the place it finds, because it was claimed before that began, becomes a holder of it, so that a
-- refusal of one of the others does not end it. The scopes were locked before the messages (lock_late_scopes).
WITH delivered AS (
    SELECT m.scope_id, m.recipient, max(u.at) + interval '24 h 60 s' AS until,
           count(*) FILTER (WHERE e.since IS NULL OR m.claimed_at < e.since) AS holders
    FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
    CROSS JOIN LATERAL (SELECT m.scope_id, m.recipient, m.claimed_at FROM message m WHERE m.id = u.id AND m.counted) m
    JOIN limit_scope s ON s.id = m.scope_id AND s.max_members IS NOT NULL
    LEFT JOIN limit_member e ON e.scope_id = m.scope_id AND e.recipient = m.recipient
    GROUP BY m.scope_id, m.recipient
), place AS (
    INSERT INTO limit_member AS e (scope_id, recipient, since, expires_at, holders)
    SELECT d.scope_id, d.recipient, turnpike_now(), d.until, d.holders FROM delivered d WHERE d.until > turnpike_now()
    ON CONFLICT (scope_id, recipient) DO UPDATE SET
        expires_at = greatest(e.expires_at, excluded.expires_at), holders = e.holders + excluded.holders
    RETURNING e.scope_id, (e.xmax = 0) AS joined
), joined AS (
    UPDATE limit_scope s SET members = s.members + x.n
    FROM (SELECT p.scope_id, count(*) AS n FROM place p WHERE p.joined GROUP BY p.scope_id) x WHERE s.id = x.scope_id
)
SELECT FROM place
