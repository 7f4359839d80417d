-- Takes what is with the broker, as senders would that take no time.
UPDATE message m SET state = 50, wake_at = NULL
WHERE m.number_id IN (SELECT n.id FROM sender_number n) AND m.state = 20 AND m.wake_at IS NOT NULL
