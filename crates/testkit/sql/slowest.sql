-- The messages that took longest from being taken in to their end, and what they went through.
SELECT m.id, round(extract(epoch FROM m.changed_at) - ('x' || left(replace(m.id::text, '-', ''), 12))::bit(48)::bigint / 1000.0, 1) AS seconds,
       m.state, m.attempt, m.failures, m.rings, m.crashes, m.flow_id IS NOT NULL AS in_flow,
       round(extract(epoch FROM m.claimed_at) - ('x' || left(replace(m.id::text, '-', ''), 12))::bit(48)::bigint / 1000.0, 1) AS claimed_after,
       (SELECT string_agg(a.outcome, ' ' ORDER BY a.attempt) FROM attempt a WHERE a.id = m.id) AS outcomes
FROM message m WHERE m.state IN (50, 60, 61, 62) ORDER BY seconds DESC LIMIT 12
