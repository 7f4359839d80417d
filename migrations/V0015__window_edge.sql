-- The edge of the service window: session messages that wait go before it closes, and where that fails as the template that their
-- sender gave for this case (fallback_template).
--
-- Rules: domain::rules::window. A message falls back only while it is queued or parked, so between two attempts or before the first,
-- and never twice. From then on it is an ordinary template message, which every gate is asked about again.

SET LOCAL lock_timeout = '2s';

ALTER TABLE message
    -- It has a fallback and has not taken it yet. Admission and the rules look at nothing else, so the rest stands with the content.
    ADD COLUMN has_fallback boolean NOT NULL DEFAULT false,
    -- Until when a session message may go, as far as was known when it was last parked: the end of its window, less the margin. People
    -- write again, so it may be later by now; never earlier.
    ADD COLUMN edge_at timestamptz;

ALTER TABLE message_content
    ADD COLUMN fallback_content     text,         -- as Meta takes it
    ADD COLUMN fallback_template_id bigint,
    ADD COLUMN fallback_category    smallint,     -- domain::Category
    ADD COLUMN fallback_price       bigint CHECK (fallback_price > 0), -- in millionths; null is free
    ADD COLUMN fell_back_at         timestamptz,  -- when it was taken; from then on it is what the message says
    ADD COLUMN fell_back_for        text;         -- domain::Reason of the no that it answers

-- Session messages that wait, by their edge. Holds only what is parked, which is little, and moves with the alarm's index.
CREATE INDEX message_by_edge ON ONLY message (number_id, lane, edge_at) WHERE edge_at IS NOT NULL AND state = 10;
-- Partitions of days to come are empty, so theirs costs nothing; those with rows go with retention, and until then a look goes by the
-- alarm's index.
DO $$
DECLARE
    v_table regclass;
    v_empty boolean;
    v_name  text;
BEGIN
    FOR v_table IN SELECT i.inhrelid::regclass FROM pg_inherits i WHERE i.inhparent = 'message'::regclass LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', v_table) INTO v_empty;
        CONTINUE WHEN NOT v_empty;
        v_name := (SELECT c.relname FROM pg_class c WHERE c.oid = v_table) || '_by_edge';
        EXECUTE format('CREATE INDEX %I ON %s (number_id, lane, edge_at) WHERE edge_at IS NOT NULL AND state = 10', v_name, v_table);
        EXECUTE format('ALTER INDEX message_by_edge ATTACH PARTITION %I', v_name);
    END LOOP;
END $$;

-- Parked rows of these numbers whose time has come, locked: session messages whose window closes within half an hour
-- (domain::rules::window::URGENT) the earliest edge first, then the longest due.
CREATE OR REPLACE FUNCTION release_due(p_numbers bigint[], p_rooms integer[], p_lane smallint, p_limit integer, t timestamptz)
RETURNS TABLE (o_id uuid, o_due_at timestamptz) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_floor   uuid := (SELECT l.id FROM live_floor l);
    v_urgent  uuid[];
    v_due     timestamptz[];
    v_numbers bigint[];
BEGIN
    SELECT array_agg(d.id ORDER BY d.edge_at), array_agg(d.wake_at ORDER BY d.edge_at), array_agg(d.number_id ORDER BY d.edge_at)
    INTO v_urgent, v_due, v_numbers
    FROM (
        SELECT d.* FROM unnest(p_numbers, p_rooms) AS u (number_id, room)
        CROSS JOIN LATERAL (
            SELECT m.id, m.wake_at, m.edge_at, m.number_id FROM message m
            WHERE m.number_id = u.number_id AND m.state = 10 AND m.lane = p_lane AND m.wake_at <= t AND m.id >= v_floor
              -- Of an edge that has passed nothing is left to save.
              AND m.edge_at IS NOT NULL AND m.edge_at > t AND m.edge_at <= t + interval '30 min'
            ORDER BY m.edge_at LIMIT greatest(u.room, 0) FOR UPDATE SKIP LOCKED
        ) d LIMIT p_limit
    ) d;
    IF v_urgent IS NOT NULL THEN
        RETURN QUERY SELECT u.id, u.due FROM unnest(v_urgent, v_due) WITH ORDINALITY AS u (id, due, place) ORDER BY u.place;
        p_limit := p_limit - cardinality(v_urgent);
        p_rooms := ARRAY(
            SELECT u.room - (SELECT count(*) FROM unnest(v_numbers) AS n (number_id) WHERE n.number_id = u.number_id)::integer
            FROM unnest(p_numbers, p_rooms) WITH ORDINALITY AS u (number_id, room, place) ORDER BY u.place);
    END IF;
    RETURN QUERY
    SELECT d.id, d.wake_at
    FROM unnest(p_numbers, p_rooms) AS u (number_id, room)
    CROSS JOIN LATERAL (
        SELECT m.id, m.wake_at FROM message m
        WHERE m.number_id = u.number_id AND m.state = 10 AND m.lane = p_lane AND m.wake_at <= t AND m.id >= v_floor
          AND (v_urgent IS NULL OR m.id <> ALL (v_urgent))
        ORDER BY m.wake_at LIMIT greatest(u.room, 0) FOR UPDATE SKIP LOCKED
    ) d
    LIMIT p_limit;
END $$;

-- Session messages whose window closed become the templates that were given for this case. Only what waits, and only once; returns
-- those that did. Nothing of a message that waits is reserved, so its new price needs no books.
CREATE FUNCTION fall_back(p_ids uuid[], p_reasons text[]) RETURNS SETOF uuid LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t timestamptz;
BEGIN
    PERFORM 1 FROM message m WHERE m.id = ANY (p_ids) ORDER BY m.id FOR UPDATE;
    t := turnpike_now();
    RETURN QUERY
    WITH taken AS (
        UPDATE message m SET
            category = c.fallback_category, template_id = c.fallback_template_id, price = c.fallback_price,
            has_fallback = false, edge_at = NULL, reason = NULL
        FROM unnest(p_ids, p_reasons) AS u (id, reason) JOIN message_content c ON c.id = u.id AND c.id = ANY (p_ids)
        WHERE m.id = u.id AND m.id = ANY (p_ids) AND m.state IN (10, 20) AND m.has_fallback
        RETURNING m.id, m.organization_id, m.calls_back, u.reason
    ), kept AS (
        UPDATE message_content c SET fell_back_at = t, fell_back_for = k.reason FROM taken k WHERE c.id = k.id AND c.id = ANY (p_ids)
    ), told AS (
        -- Not a change of status, and yet what others should hear of.
        INSERT INTO event (organization_id, size, at, kind, reason, message_ids, calls_back)
        SELECT k.organization_id, count(*), t, 'message.fell_back', k.reason, array_agg(k.id), k.calls_back
        FROM taken k GROUP BY k.organization_id, k.reason, k.calls_back
    )
    SELECT k.id FROM taken k;
END $$;

-- Admission as in V0003, but that a row whose window closed between the decision and the claim, and that has a fallback, is looked at
-- again instead of failing.
CREATE OR REPLACE FUNCTION admit(
    p_claim         uuid,
    p_ids           uuid[],
    p_horizon       interval,   -- how far ahead slots are given out
    p_lead          interval,   -- how far ahead the first slot is at least: time to commit and to set out, so that it is not past already
    p_lease         interval,   -- how long after its slot an attempt may be silent
    p_window        interval,   -- length of the service window
    p_window_margin interval,
    p_pair_every    interval DEFAULT '6 s',   -- Meta: one message to one person every 6 s …
    p_pair_burst    integer DEFAULT 20,       -- … with a burst of 45 borrowed from the future; we borrow less
    p_membership    interval DEFAULT '24 h 60 s' -- Meta counts from delivery, we from the slot: a minute on top
) RETURNS TABLE (o_id uuid, o_verdict text, o_at timestamptz, o_attempt integer) LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz;
BEGIN
    -- Separate statements: each sees what was committed while the one before waited for its locks.
    PERFORM 1 FROM number_gate g WHERE g.number_id IN (SELECT m.number_id FROM message m WHERE m.id = ANY (p_ids))
        ORDER BY g.number_id FOR UPDATE;
    PERFORM 1 FROM limit_scope s WHERE s.max_members IS NOT NULL
        AND s.id IN (SELECT m.scope_id FROM message m WHERE m.id = ANY (p_ids) AND m.category <> 0)
        ORDER BY s.id FOR UPDATE;
    PERFORM lock_balances(p_ids);
    -- Shared with other admissions and with the scheduler's cursor, but not with pause and cancel, which change a key (status, see
    -- flow_status_is_key): once those return, no claim can follow.
    PERFORM 1 FROM flow f WHERE f.id IN (SELECT m.flow_id FROM message m WHERE m.id = ANY (p_ids) AND m.flow_id IS NOT NULL)
        ORDER BY f.id FOR KEY SHARE;
    PERFORM 1 FROM message m WHERE m.id = ANY (p_ids) ORDER BY m.id FOR UPDATE;
    t := turnpike_now();

    -- Give expired memberships back, only where the batch would not fit otherwise.
    WITH need AS (
        SELECT m.scope_id, count(DISTINCT m.recipient) AS n FROM message m
        WHERE m.id = ANY (p_ids) AND m.category <> 0 AND m.state = 20 GROUP BY m.scope_id
    ), gone AS (
        DELETE FROM limit_member e USING need, limit_scope s
        WHERE s.id = need.scope_id AND e.scope_id = s.id AND s.max_members IS NOT NULL
          AND s.members + need.n > s.max_members AND e.expires_at <= t
        RETURNING e.scope_id
    )
    UPDATE limit_scope s SET members = s.members - g.n
    FROM (SELECT scope_id, count(*) AS n FROM gone GROUP BY scope_id) g WHERE s.id = g.scope_id;

    RETURN QUERY
    WITH candidate AS (
        SELECT m.id, m.organization_id, m.number_id, m.scope_id, m.recipient, m.category, m.attempt, m.expires_at, m.has_fallback, u.ord,
               m.price, b.available,
               g.slots_per_second, g.tat, g.paused_until, s.max_members, s.members, f.status AS flow_status,
               k.last_inbound_at, coalesce(k.pair_tat, '-infinity') AS pair_tat,
               coalesce(k.last_inbound_at + p_window > t + p_window_margin, false) AS window_open,
               e.recipient IS NOT NULL AS is_member,
               row_number() OVER (PARTITION BY m.number_id, m.recipient ORDER BY u.ord) AS pair_place
        -- Once per row: two jobs of one batch may name the same.
        FROM (SELECT i.id, min(i.ord) AS ord FROM unnest(p_ids) WITH ORDINALITY AS i (id, ord) GROUP BY i.id) u
        JOIN message m ON m.id = u.id AND m.state = 20
        JOIN number_gate g ON g.number_id = m.number_id
        LEFT JOIN limit_scope s ON s.id = m.scope_id
        LEFT JOIN balance_account b ON b.organization_id = m.organization_id
        LEFT JOIN flow f ON f.id = m.flow_id
        LEFT JOIN contact k ON k.number_id = m.number_id AND k.recipient = m.recipient
        LEFT JOIN limit_member e ON e.scope_id = m.scope_id AND e.recipient = m.recipient
    ), gated AS (
        SELECT c.*,
               -- Counts towards the messaging limit: a template outside an open window, in a scope that has a limit.
               c.category <> 0 AND NOT c.window_open AND c.max_members IS NOT NULL AS counted,
               CASE WHEN c.flow_status = 'canceled' THEN 'canceled'
                    WHEN c.flow_status = 'paused' THEN 'flow_paused'
                    WHEN c.expires_at <= t THEN 'expired'
                    WHEN c.paused_until > t THEN 'sender_paused'
                    WHEN c.category = 0 AND c.last_inbound_at IS NULL THEN 'no_inbound_history'
                    WHEN c.category = 0 AND NOT c.window_open THEN 'window_expired'
                    WHEN greatest(c.pair_tat, t) + (c.pair_place - 1) * p_pair_every - t > (p_pair_burst - 1) * p_pair_every THEN 'pair_limit'
               END AS no
        FROM candidate c
    ), newcomer AS (   -- people who would join the set, first come, first served
        SELECT g.scope_id, g.recipient, row_number() OVER (PARTITION BY g.scope_id ORDER BY min(g.ord)) AS place
        FROM gated g WHERE g.no IS NULL AND g.counted AND NOT g.is_member GROUP BY g.scope_id, g.recipient
    ), limited AS (
        SELECT g.*, w.place AS newcomer_place,
               coalesce(g.no, CASE WHEN w.place > g.max_members - g.members THEN 'tier_limit' END) AS no2
        FROM gated g LEFT JOIN newcomer w ON w.scope_id = g.scope_id AND w.recipient = g.recipient AND g.no IS NULL AND g.counted
    ), paced AS (
        SELECT l.*,
               greatest(l.tat, t + p_lead) + (row_number() OVER (PARTITION BY l.number_id, (l.no2 IS NULL) ORDER BY l.ord) - 1)
                   * (interval '1 s' / l.slots_per_second) AS slot
        FROM limited l
    ), unpaid AS (     -- first come, first served; after the pace, so that nobody is refused for the price of a row that does not go
        SELECT x.id
        FROM (
            SELECT array_agg(p.id ORDER BY p.ord) AS ids, affordable(array_agg(p.price ORDER BY p.ord), p.available) AS paid
            FROM paced p
            WHERE p.available IS NOT NULL AND p.price IS NOT NULL AND p.no2 IS NULL AND p.slot <= t + p_horizon
            GROUP BY p.organization_id, p.available
        ) o CROSS JOIN unnest(o.ids, o.paid) AS x (id, paid)
        WHERE NOT x.paid
    ), decided AS (
        SELECT p.id, p.number_id, p.scope_id, p.recipient, p.attempt, p.expires_at, p.ord, p.paused_until, p.max_members, p.members,
               p.pair_tat, p.pair_place, p.counted, p.newcomer_place, p.has_fallback,
               coalesce(p.no2, CASE WHEN p.slot > t + p_horizon THEN 'throughput' WHEN n.id IS NOT NULL THEN 'insufficient_balance'
                                    ELSE 'send' END) AS verdict,
               -- Those behind a row that cannot be paid move up.
               p.slot - count(n.id) OVER (PARTITION BY p.number_id ORDER BY p.ord) * (interval '1 s' / p.slots_per_second) AS slot
        FROM paced p LEFT JOIN unpaid n ON n.id = p.id
    ), w_gate AS (
        UPDATE number_gate g SET tat = greatest(g.tat, t + p_lead) + x.n * (interval '1 s' / g.slots_per_second)
        FROM (SELECT d.number_id, count(*) AS n FROM decided d WHERE d.verdict = 'send' GROUP BY d.number_id) x
        WHERE g.number_id = x.number_id
    ), w_member AS (
        INSERT INTO limit_member AS e (scope_id, recipient, since, expires_at, holders)
        SELECT d.scope_id, d.recipient, t, max(d.slot) + p_membership, count(*)
        FROM decided d WHERE d.verdict = 'send' AND d.counted GROUP BY d.scope_id, d.recipient
        ON CONFLICT (scope_id, recipient) DO UPDATE SET
            expires_at = greatest(e.expires_at, excluded.expires_at),
            since      = CASE WHEN e.expires_at <= t THEN t ELSE e.since END,
            holders    = CASE WHEN e.expires_at <= t THEN 0 ELSE e.holders END + excluded.holders
        RETURNING e.scope_id, (e.xmax = 0) AS joined
    ), w_scope AS (
        UPDATE limit_scope s SET members = s.members + x.n
        FROM (SELECT w.scope_id, count(*) AS n FROM w_member w WHERE w.joined GROUP BY w.scope_id) x WHERE s.id = x.scope_id
    ), w_contact AS (
        INSERT INTO contact AS k (number_id, recipient, pair_tat)
        SELECT d.number_id, d.recipient, t + count(*) * p_pair_every FROM decided d WHERE d.verdict = 'send' GROUP BY d.number_id, d.recipient
        ORDER BY d.number_id, d.recipient   -- receipts opens windows in this order too, or the two would deadlock
        ON CONFLICT (number_id, recipient) DO UPDATE SET pair_tat = greatest(k.pair_tat, t) + (excluded.pair_tat - t)
    ), w_message AS (
        UPDATE message m SET
            state      = CASE d.verdict WHEN 'send' THEN 30 WHEN 'expired' THEN 61 WHEN 'canceled' THEN 62 WHEN 'insufficient_balance' THEN 60
                             WHEN 'window_expired' THEN CASE WHEN d.has_fallback THEN 10 ELSE 60 END
                             WHEN 'no_inbound_history' THEN CASE WHEN d.has_fallback THEN 10 ELSE 60 END ELSE 10 END,
            attempt    = m.attempt + (d.verdict = 'send')::integer,
            claim      = CASE WHEN d.verdict = 'send' THEN p_claim END,
            claimed_at = CASE WHEN d.verdict = 'send' THEN t ELSE m.claimed_at END,
            rings      = 0,
            changed_at = t,
            reason     = CASE WHEN d.verdict <> 'send' THEN d.verdict END,
            wake_at    = CASE d.verdict
                WHEN 'send' THEN d.slot + p_lease
                -- The next look takes its fallback.
                WHEN 'window_expired' THEN CASE WHEN d.has_fallback THEN t END
                WHEN 'no_inbound_history' THEN CASE WHEN d.has_fallback THEN t END
                WHEN 'sender_paused' THEN least(d.paused_until, d.expires_at)
                -- Nobody moves the rows of a paused flow before it runs again; resume sets their alarms.
                WHEN 'flow_paused' THEN d.expires_at
                WHEN 'pair_limit' THEN least(d.expires_at, greatest(d.pair_tat, t) + (d.pair_place - p_pair_burst) * p_pair_every)
                -- When the n-th membership from now ends there is room for the n-th newcomer that found none.
                WHEN 'tier_limit' THEN least(d.expires_at, coalesce((
                    SELECT e.expires_at FROM limit_member e WHERE e.scope_id = d.scope_id ORDER BY e.expires_at
                    OFFSET least(greatest(d.newcomer_place - 1 - greatest(d.max_members - d.members, 0), 0), 1000) LIMIT 1), t + p_membership))
            END
        FROM decided d WHERE m.id = d.id AND d.verdict <> 'throughput'
        RETURNING m.id, m.attempt, m.wake_at, m.state
    )
    SELECT d.id, d.verdict,
           CASE d.verdict WHEN 'send' THEN d.slot WHEN 'throughput' THEN d.slot - p_horizon ELSE w.wake_at END,
           coalesce(w.attempt, d.attempt)
    FROM decided d LEFT JOIN w_message w ON w.id = d.id ORDER BY d.ord;

    IF EXISTS (SELECT FROM balance_account) THEN
        PERFORM reserve_claimed(p_claim, p_ids);
    END IF;
END $$;
