-- The most people that any moving 24 hours saw.
SELECT max(w.n) AS n FROM message m CROSS JOIN LATERAL (
    SELECT count(DISTINCT o.recipient) AS n FROM message o
    WHERE o.attempt > 0 AND o.claimed_at >= m.claimed_at AND o.claimed_at < m.claimed_at + interval '24 h'
) w WHERE m.attempt > 0
