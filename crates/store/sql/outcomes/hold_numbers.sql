-- Which numbers: $1 of them, or all of WABA $2, or with both null all of them. A pause that lasts longer already stays as it is.
WITH held AS (
    SELECT g.number_id FROM number_gate g JOIN sender_number n ON n.id = g.number_id
    WHERE ($1::bigint IS NULL OR n.id = $1) AND ($2::bigint IS NULL OR n.waba_id = $2)
    ORDER BY g.number_id FOR UPDATE OF g
)
UPDATE number_gate g SET paused_until = $3, pause_reason = $4
FROM held WHERE g.number_id = held.number_id AND g.paused_until < $3
