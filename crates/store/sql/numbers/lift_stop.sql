-- Ends what a refusal of Meta's began and only Meta or a person can end. An operator's own pause stays.
UPDATE number_gate g SET paused_until = '-infinity', pause_reason = NULL
FROM sender_number n
WHERE n.id = g.number_id AND n.phone_number_id = $1 AND g.paused_until = 'infinity' AND g.pause_reason LIKE 'meta\_%'
RETURNING g.number_id
