-- Every message as the ledger has it. Times in Unix milliseconds, rounded down.
SELECT m.id, n.phone_number_id AS number, m.scope_id AS scope, m.recipient, m.category, m.state, m.attempt, m.resend, m.delivery, m.wamid,
       m.wake_at IS NOT NULL OR (m.state = 10 AND m.flow_id IS NOT NULL) AS is_awaited,
       floor(extract(epoch FROM m.scheduled_at) * 1000)::bigint AS scheduled_at_ms,
       floor(extract(epoch FROM m.expires_at) * 1000)::bigint AS expires_at_ms
FROM message m LEFT JOIN sender_number n ON n.id = m.number_id
