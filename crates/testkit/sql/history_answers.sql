-- Every answer that is kept under an idempotency key, and the message that it names.
SELECT i.key, i.answer::jsonb->'data'->>'message_id' AS message FROM idempotency i
