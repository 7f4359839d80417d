-- One look-up by key per id, in the order given (sorted by the caller): two passes, or a pass and a sender, never wait for each other
-- crosswise. LATERAL keeps it so, and lets each look-up touch one partition only.
-- Balances come before messages in the order of locks, so they are had before the first id comes out of the list.
SELECT m.id, m.organization_id, m.recipient, m.test, m.state, m.attempt, m.counted, m.claimed_at, m.delivery, m.wamid,
       m.price IS NOT NULL AS is_paid
FROM unnest(lock_balances($1::uuid[])) AS u (id)
CROSS JOIN LATERAL (
    SELECT m.id, m.organization_id, m.recipient, m.test, m.state, m.attempt, m.counted, m.claimed_at, m.delivery, m.wamid, m.price
    FROM message m WHERE m.id = u.id FOR UPDATE
) m
