-- Lifts a pause, whoever set it, and reopens the account that a refusal of Meta's closed: if its cause is not gone, the next one closes
-- it again.
WITH number AS (
    SELECT n.id, n.waba_id FROM sender_number n WHERE n.organization_id = $1 AND n.phone_number_id = $2
), reopened AS (
    UPDATE waba w SET restricted = false, restricted_until = NULL FROM number n WHERE w.id = n.waba_id AND w.restricted
)
UPDATE number_gate g SET paused_until = '-infinity', pause_reason = NULL
FROM number n WHERE n.id = g.number_id
RETURNING g.number_id
