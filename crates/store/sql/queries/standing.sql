-- Where a message stands: its alarm, its attempts, and its place in its flow with the rows that go before it.
SELECT m.wake_at, m.attempt, m.failures, m.rings, m.resend, m.seq, turnpike_now() AS read_at,
       m.number_id, m.changed_at, m.held_until,
       f.status AS flow_status, f.starts_at, f.released_seq, f.last_seq,
       CASE WHEN m.seq > f.released_seq THEN (
           SELECT count(*) FROM message b
           WHERE b.flow_id = f.id AND b.seq > f.released_seq AND b.seq < m.seq AND b.state = 10
             AND b.id >= uuid_floor(f.created_at - interval '1 h')) ELSE 0 END AS rows_before
FROM message m
LEFT JOIN flow f ON f.id = m.flow_id
WHERE m.id = $1 AND m.organization_id = $2
