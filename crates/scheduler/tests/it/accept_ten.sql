UPDATE message m SET state = 50, wake_at = NULL, attempt = 1
FROM (SELECT q.id FROM message q WHERE q.state = 20 ORDER BY q.changed_at, q.seq LIMIT 10) t WHERE m.id = t.id
