SELECT m.id, m.number_id AS number, m.lane, m.state, m.attempt, m.rings, m.reason, m.failures, m.flow_id AS flow, m.seq,
       extract(epoch FROM m.wake_at - clock_timestamp()) AS wakes_in
FROM message m ORDER BY m.id
