SELECT w.id, w.received_at, w.body FROM webhook_inbox w
WHERE w.id = $1 AND w.applied_at IS NULL FOR UPDATE SKIP LOCKED
