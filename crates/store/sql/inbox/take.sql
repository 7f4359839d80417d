-- The oldest bodies that nobody else has in hand, so many and so many bytes of them, but always one. The lock lasts as long as the
-- transaction: should its process die, the next pass of another finds the bodies again.
WITH next AS (
    SELECT w.id, octet_length(w.body) AS bytes FROM webhook_inbox w
    WHERE w.applied_at IS NULL ORDER BY w.id LIMIT $1 FOR UPDATE SKIP LOCKED
), sized AS (
    SELECT n.id, sum(n.bytes) OVER (ORDER BY n.id) - n.bytes AS bytes_before FROM next n
)
SELECT w.id, w.received_at, w.body
FROM sized s
-- OFFSET 0: one look-up by key per row, however many rows the planner believes there are.
CROSS JOIN LATERAL (SELECT w.id, w.received_at, w.body FROM webhook_inbox w WHERE w.id = s.id OFFSET 0) w
WHERE s.bytes_before < $2
ORDER BY w.id
