-- Whether a message took a place in the messaging limit is remembered with it, rather than read from its category: a template that went
-- inside an open window took none, and its refusal must not give back the place of another message to the same person. Nor does an old
-- message keep a newer one's place from being given back, when both are refused in one batch.

SET LOCAL lock_timeout = '2s';

ALTER TABLE message ADD COLUMN counted boolean NOT NULL DEFAULT false;   -- its last claim took, or kept, its recipient's place in the messaging limit
-- A refusal gave back one of several holders: until when Meta counts the person is not known any more, only that it is not later than
-- our place lasts.
ALTER TABLE limit_member ADD COLUMN doubtful boolean NOT NULL DEFAULT false;

-- Admission as in V0018, but that it says of each claim whether it counts, and is careful where there are more people than the limit.
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
        SELECT m.id, m.organization_id, m.number_id, m.scope_id, m.recipient, m.category, m.attempt, m.expires_at, m.has_fallback, m.test, u.ord,
               m.price, b.available,
               g.slots_per_second, g.tat, g.paused_until, s.max_members, s.members, f.status AS flow_status,
               k.last_inbound_at, coalesce(k.pair_tat, '-infinity') AS pair_tat,
               coalesce(k.last_inbound_at + p_window > t + p_window_margin, false) AS window_open,
               -- More people than the limit: it was lowered, or somebody was delivered to after more than a day. Then only those go on whom
               -- Meta counts for certain; elsewhere a place that outlasts Meta's day is one that nobody else took.
               e.recipient IS NOT NULL AND (s.members <= s.max_members
                   OR (NOT e.doubtful AND e.expires_at > t + p_membership - interval '24 h')) AS is_member,
               row_number() OVER (PARTITION BY m.number_id, m.recipient, m.test ORDER BY u.ord) AS pair_place
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
        FROM gated g WHERE g.no IS NULL AND g.counted AND NOT g.is_member AND NOT g.test GROUP BY g.scope_id, g.recipient
    ), limited AS (
        SELECT g.*, w.place AS newcomer_place,
               coalesce(g.no, CASE WHEN w.place > g.max_members - g.members THEN 'tier_limit'
                                   WHEN g.test AND g.counted AND NOT g.is_member AND g.members >= g.max_members THEN 'tier_limit' END) AS no2
        FROM gated g LEFT JOIN newcomer w
            ON w.scope_id = g.scope_id AND w.recipient = g.recipient AND g.no IS NULL AND g.counted AND NOT g.test
    ), paced AS (
        SELECT l.*,
               -- Tests go at the same pace, beside the live ones.
               CASE WHEN l.test THEN t + p_lead ELSE greatest(l.tat, t + p_lead) END
                   + (row_number() OVER (PARTITION BY l.number_id, l.test, (l.no2 IS NULL) ORDER BY l.ord) - 1)
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
               p.pair_tat, p.pair_place, p.counted, p.newcomer_place, p.has_fallback, p.test,
               coalesce(p.no2, CASE WHEN p.slot > t + p_horizon THEN 'throughput' WHEN n.id IS NOT NULL THEN 'insufficient_balance'
                                    ELSE 'send' END) AS verdict,
               -- Those behind a row that cannot be paid move up.
               p.slot - count(n.id) OVER (PARTITION BY p.number_id, p.test ORDER BY p.ord) * (interval '1 s' / p.slots_per_second) AS slot
        FROM paced p LEFT JOIN unpaid n ON n.id = p.id
    ), w_gate AS (
        UPDATE number_gate g SET tat = greatest(g.tat, t + p_lead) + x.n * (interval '1 s' / g.slots_per_second)
        FROM (SELECT d.number_id, count(*) AS n FROM decided d WHERE d.verdict = 'send' AND NOT d.test GROUP BY d.number_id) x
        WHERE g.number_id = x.number_id
    ), w_member AS (
        INSERT INTO limit_member AS e (scope_id, recipient, since, expires_at, holders)
        SELECT d.scope_id, d.recipient, t, max(d.slot) + p_membership, count(*)
        FROM decided d WHERE d.verdict = 'send' AND d.counted AND NOT d.test GROUP BY d.scope_id, d.recipient
        ON CONFLICT (scope_id, recipient) DO UPDATE SET
            expires_at = greatest(e.expires_at, excluded.expires_at),
            since      = CASE WHEN e.expires_at <= t THEN t ELSE e.since END,
            doubtful   = e.doubtful AND e.expires_at > t,
            holders    = CASE WHEN e.expires_at <= t THEN 0 ELSE e.holders END + excluded.holders
        RETURNING e.scope_id, (e.xmax = 0) AS joined
    ), w_scope AS (
        UPDATE limit_scope s SET members = s.members + x.n
        FROM (SELECT w.scope_id, count(*) AS n FROM w_member w WHERE w.joined GROUP BY w.scope_id) x WHERE s.id = x.scope_id
    ), w_contact AS (
        INSERT INTO contact AS k (number_id, recipient, pair_tat)
        SELECT d.number_id, d.recipient, t + count(*) * p_pair_every FROM decided d WHERE d.verdict = 'send' AND NOT d.test GROUP BY d.number_id, d.recipient
        ORDER BY d.number_id, d.recipient   -- receipts opens windows in this order too, or the two would deadlock
        ON CONFLICT (number_id, recipient) DO UPDATE SET pair_tat = greatest(k.pair_tat, t) + (excluded.pair_tat - t)
    ), w_message AS (
        UPDATE message m SET
            state      = CASE d.verdict WHEN 'send' THEN 30 WHEN 'expired' THEN 61 WHEN 'canceled' THEN 62 WHEN 'insufficient_balance' THEN 60
                             WHEN 'window_expired' THEN CASE WHEN d.has_fallback THEN 10 ELSE 60 END
                             WHEN 'no_inbound_history' THEN CASE WHEN d.has_fallback THEN 10 ELSE 60 END ELSE 10 END,
            attempt    = m.attempt + (d.verdict = 'send')::integer,
            claim      = CASE WHEN d.verdict = 'send' THEN p_claim END,
            counted    = d.verdict = 'send' AND d.counted AND NOT d.test,
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

-- Outcomes as in V0018, but that only what took a place gives one back.
CREATE OR REPLACE FUNCTION record_outcomes(
    p_ids      uuid[],
    p_attempts integer[],
    p_states   smallint[],     -- what becomes of the row: 10 parked, 40 uncertain, 50 accepted, 60 failed
    p_wake     timestamptz[],
    p_reasons  text[],
    p_wamids   text[],
    p_burns    boolean[],      -- counts against the retry budget
    p_refused  boolean[]       -- provably not accepted: its place in the messaging limit and its price are given back
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz;
BEGIN
    IF true = ANY (p_refused) THEN
        PERFORM 1 FROM limit_scope s WHERE s.max_members IS NOT NULL
            AND s.id IN (SELECT m.scope_id FROM unnest(p_ids, p_refused) AS u (id, refused) JOIN message m ON m.id = u.id WHERE u.refused)
            ORDER BY s.id FOR UPDATE;
    END IF;
    PERFORM lock_balances(p_ids);
    PERFORM 1 FROM message m WHERE m.id = ANY (p_ids) ORDER BY m.id FOR UPDATE;
    t := turnpike_now();
    RETURN QUERY
    WITH outcome AS (
        SELECT * FROM unnest(p_ids, p_attempts, p_states, p_wake, p_reasons, p_wamids, p_burns, p_refused)
            AS u (id, attempt, state, wake_at, reason, wamid, burns, refused)
    ), moved AS (
        UPDATE message m SET
            state = o.state, reason = o.reason, wamid = coalesce(m.wamid, o.wamid),
            -- A parked row is looked at when it expires, if not before.
            wake_at = CASE WHEN o.state = 10 THEN least(o.wake_at, m.expires_at) ELSE o.wake_at END,
            failures = m.failures + o.burns::integer, claim = NULL, changed_at = t
        FROM outcome o WHERE m.id = o.id AND m.attempt = o.attempt AND m.state IN (30, 40)
        RETURNING m.id, m.scope_id, m.recipient, m.claimed_at, m.counted, o.refused
    ), given AS (
        -- A membership that began after the claim belongs to later messages.
        SELECT v.scope_id, v.recipient, count(*) AS n
        FROM moved v JOIN limit_member e ON e.scope_id = v.scope_id AND e.recipient = v.recipient AND e.since <= v.claimed_at
        WHERE v.refused AND v.counted GROUP BY v.scope_id, v.recipient
    ), held AS (
        UPDATE limit_member e SET holders = e.holders - g.n, doubtful = true FROM given g
        WHERE e.scope_id = g.scope_id AND e.recipient = g.recipient AND e.holders > g.n
    ), gone AS (
        DELETE FROM limit_member e USING given g
        WHERE e.scope_id = g.scope_id AND e.recipient = g.recipient AND e.holders <= g.n
        RETURNING e.scope_id
    ), scope AS (
        UPDATE limit_scope s SET members = s.members - x.n
        FROM (SELECT gone.scope_id, count(*) AS n FROM gone GROUP BY gone.scope_id) x WHERE s.id = x.scope_id
    )
    SELECT moved.id FROM moved;
    -- By the attempt, whether or not its row has moved on: what is known of an attempt is known for good.
    IF EXISTS (SELECT FROM balance_account) THEN
        PERFORM settle_reservations(p_ids, p_attempts, ARRAY(
            SELECT CASE WHEN u.state = 50 THEN true WHEN u.refused THEN false END
            FROM unnest(p_states, p_refused) WITH ORDINALITY AS u (state, refused, place) ORDER BY u.place));
    END IF;
    IF true = ANY (p_refused) THEN
        PERFORM wake_tier_limited(s.id, s.max_members - s.members) FROM limit_scope s
        WHERE s.members < s.max_members AND s.id IN (
            SELECT m.scope_id FROM unnest(p_ids, p_refused) AS u (id, refused) JOIN message m ON m.id = u.id WHERE u.refused AND m.category <> 0);
    END IF;
END $$;
