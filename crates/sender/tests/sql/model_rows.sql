-- Everything that changes in a message on its way.
SELECT id, category, expires_at, resend, state, wake_at, attempt, failures, rings, crashes, claim, claimed_at, reason, delivery, wamid, changed_at, held_until
FROM message
