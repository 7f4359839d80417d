-- The clock of a hold: an uncertain attempt waits for a webhook, and that none came means something only while webhooks of its number
-- come at all. So the ledger remembers when they came, and stretches in which they did not (domain::hold decides by them).
SET LOCAL lock_timeout = '2s';

-- The last webhook of a number that was applied: what waits in the inbox has not been heard yet.
CREATE TABLE webhook_heard (
    number_id bigint PRIMARY KEY REFERENCES sender_number,
    heard_at  timestamptz NOT NULL   -- when we got it, to within a few seconds
) WITH (fillfactor = 50);

-- Stretches between two webhooks of a number that were longer than domain::hold::GRACE. A few days of them are kept.
CREATE TABLE webhook_gap (
    number_id   bigint NOT NULL,
    heard_at    timestamptz NOT NULL,
    heard_again timestamptz NOT NULL,
    PRIMARY KEY (number_id, heard_at)
);

-- Silences up to then are in wake_at already; null while none is.
ALTER TABLE message ADD COLUMN held_until timestamptz;

-- Webhooks of these numbers came: each number's stretches, in order, between which nothing came for longer than p_grace. What is hardly
-- newer than what is known writes nothing, for this happens with every batch of webhooks.
CREATE FUNCTION hear_webhooks(p_numbers bigint[], p_firsts timestamptz[], p_lasts timestamptz[], p_grace interval, p_kept interval)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_numbers bigint[];
BEGIN
    v_numbers := ARRAY(
        SELECT u.number_id FROM unnest(p_numbers, p_lasts) AS u (number_id, last)
        LEFT JOIN webhook_heard h ON h.number_id = u.number_id
        GROUP BY u.number_id HAVING bool_and(h.number_id IS NULL) OR max(u.last) > min(h.heard_at) + interval '5 s');
    IF v_numbers = '{}' THEN
        RETURN;
    END IF;
    -- In order, so that two applications never wait for each other crosswise; the statement after it sees what was waited for.
    PERFORM 1 FROM webhook_heard h WHERE h.number_id = ANY (v_numbers) ORDER BY h.number_id FOR UPDATE;
    WITH stretch AS (
        SELECT u.number_id, u.first, u.last,
               -- Before the very first there was nothing for as long as a hold may reach.
               coalesce(lag(u.last) OVER (PARTITION BY u.number_id ORDER BY u.first), h.heard_at, u.first - p_kept) AS before
        FROM unnest(p_numbers, p_firsts, p_lasts) AS u (number_id, first, last)
        LEFT JOIN webhook_heard h ON h.number_id = u.number_id
        WHERE u.number_id = ANY (v_numbers)
    ), gap AS (
        INSERT INTO webhook_gap (number_id, heard_at, heard_again)
        SELECT s.number_id, s.before, s.first FROM stretch s WHERE s.first > s.before + p_grace
        ON CONFLICT DO NOTHING
        RETURNING number_id
    )
    DELETE FROM webhook_gap g USING gap WHERE g.number_id = gap.number_id AND g.heard_again < turnpike_now() - p_kept;
    INSERT INTO webhook_heard AS h (number_id, heard_at)
    SELECT u.number_id, max(u.last) FROM unnest(p_numbers, p_lasts) AS u (number_id, last)
    WHERE u.number_id = ANY (v_numbers) GROUP BY u.number_id ORDER BY u.number_id
    ON CONFLICT (number_id) DO UPDATE SET heard_at = greatest(h.heard_at, excluded.heard_at);
END $$;

-- Uncertain rows whose alarm rang, the longest due first within a number. No locks: whoever decides on them is fenced.
CREATE FUNCTION holds_due(p_per_number integer, p_limit integer) RETURNS TABLE (
    o_id uuid, o_attempt integer, o_number_id bigint, o_began timestamptz, o_held_until timestamptz, o_alarm timestamptz,
    o_resend boolean, o_expires_at timestamptz, o_failures integer, o_now timestamptz
) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t       timestamptz := turnpike_now();
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN QUERY
    SELECT s.id, s.attempt, d.number_id, s.changed_at, s.held_until, s.wake_at, s.resend, s.expires_at, s.failures, t
    FROM number_dispatch d CROSS JOIN unnest('{0,1}'::smallint[]) AS l (lane)
    CROSS JOIN LATERAL (
        SELECT m.id, m.attempt, m.changed_at, m.held_until, m.wake_at, m.resend, m.expires_at, m.failures FROM message m
        WHERE m.number_id = d.number_id AND m.state = 40 AND m.lane = l.lane AND m.wake_at <= t AND m.id >= v_floor
        ORDER BY m.wake_at LIMIT p_per_number
    ) s LIMIT p_limit;
END $$;

-- Ends holds, or lets them go on (state 40) until another alarm. Fenced by the attempt and the alarm that rang: who was told of meanwhile
-- is left alone, and of two schedulers one acts. An attempt that is repeated counts against the retry budget.
CREATE FUNCTION settle_holds(
    p_ids      uuid[],
    p_attempts integer[],
    p_rang     timestamptz[],  -- the alarm that was decided on
    p_states   smallint[],     -- 40 goes on, 63 unknown, 10 another attempt
    p_alarms   timestamptz[],  -- of those that go on
    p_decided  timestamptz     -- silences up to then are in those alarms
) RETURNS TABLE (o_id uuid, o_state smallint) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM 1 FROM message m WHERE m.id = ANY (p_ids) ORDER BY m.id FOR UPDATE;
    RETURN QUERY
    WITH verdict AS (
        SELECT u.id, u.alarm,
               -- Somebody may have taken its wish for a resend back meanwhile: a sender died over it once too often.
               CASE WHEN u.state = 10 AND NOT m.resend THEN 63 ELSE u.state END::smallint AS state
        FROM unnest(p_ids, p_attempts, p_rang, p_states, p_alarms) AS u (id, attempt, rang, state, alarm)
        JOIN message m ON m.id = u.id AND m.attempt = u.attempt AND m.wake_at = u.rang AND m.state = 40
    )
    UPDATE message m SET
        state      = v.state,
        wake_at    = CASE v.state WHEN 40 THEN v.alarm WHEN 10 THEN least(p_decided, m.expires_at) END,
        held_until = CASE v.state WHEN 40 THEN p_decided END,
        reason     = CASE v.state WHEN 63 THEN 'outcome_unknown' WHEN 40 THEN m.reason END,
        failures   = m.failures + (v.state = 10)::integer,
        changed_at = CASE v.state WHEN 40 THEN m.changed_at ELSE p_decided END
    FROM verdict v WHERE m.id = v.id
    RETURNING m.id, m.state;
END $$;
