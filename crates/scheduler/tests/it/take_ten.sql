SELECT m.flow_id FROM message m WHERE m.state = 20 ORDER BY m.changed_at, m.seq LIMIT 10
