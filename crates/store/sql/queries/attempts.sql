-- The POSTs of some messages, in order.
SELECT a.id, a.attempt, a.slot, a.ended_at, a.post_ms, a.outcome, a.http_status, a.error
FROM attempt a
WHERE a.id = ANY ($1)
ORDER BY a.id, a.attempt
