SELECT o.id, o.received_at, o.status::text AS status
FROM status_orphan o CROSS JOIN LATERAL (SELECT m.attempt FROM message m WHERE m.id = o.message_id) m
WHERE o.received_at > $1 AND o.attempt <= m.attempt
ORDER BY o.id LIMIT $2 FOR UPDATE OF o SKIP LOCKED
