-- What a number learns about its pace: Meta counts what it receives against the same messages per second as what it sends, and says
-- 130429 when that was too much.
--
-- Rules: domain::pace (inbound) and domain::slow_down. slots_per_second stays what admission goes by; whoever changes it for one of
-- these reasons computes it from the rule, so admission knows nothing of them.

SET LOCAL lock_timeout = '2s';

ALTER TABLE number_gate
    -- The share of its full pace that the number was slowed down to, and when; null while it has its full pace.
    ADD COLUMN slowed_to double precision CHECK (slowed_to > 0 AND slowed_to <= 1),
    ADD COLUMN slowed_at timestamptz,
    ADD CONSTRAINT slowed_down_whole_or_not CHECK ((slowed_to IS NULL) = (slowed_at IS NULL));

-- Inbound messages take slots of their numbers. Never so many that the next slot is further away than p_most: replies still find one,
-- while bulk, which looks less far ahead, waits.
CREATE FUNCTION take_slots(p_numbers bigint[], p_slots integer[], p_most interval) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz;
BEGIN
    PERFORM 1 FROM number_gate g WHERE g.number_id = ANY (p_numbers) ORDER BY g.number_id FOR UPDATE;
    t := turnpike_now();
    UPDATE number_gate g SET tat = greatest(g.tat, least(greatest(g.tat, t) + u.slots * (interval '1 s' / g.slots_per_second), t + p_most))
    FROM unnest(p_numbers, p_slots) AS u (number_id, slots) WHERE g.number_id = u.number_id;
END $$;
