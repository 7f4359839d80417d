-- Lifts a pause, whoever set it.
UPDATE number_gate g SET paused_until = '-infinity', pause_reason = NULL
FROM sender_number n
WHERE n.id = g.number_id AND n.organization_id = $1 AND n.phone_number_id = $2
RETURNING g.number_id
