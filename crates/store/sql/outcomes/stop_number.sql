-- Until Meta or an operator says otherwise; a pause that has an end is replaced. Meta is asked at once what it says of the number, so that
-- a change for the better is seen as one.
WITH stopped AS (
    UPDATE number_gate g SET paused_until = 'infinity', pause_reason = $2
    WHERE g.number_id = $1 AND g.paused_until < 'infinity'
    RETURNING g.number_id
)
UPDATE waba w SET sync_wanted_at = turnpike_now()
FROM stopped s JOIN sender_number n ON n.id = s.number_id WHERE w.id = n.waba_id
