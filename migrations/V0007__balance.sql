-- Money: prepaid balances of organizations, their rate cards, and the books.
--
-- Off until configured. An organization without a row in balance_account pays nothing, and a pipeline without any such row pays one
-- look into an empty table per batch.
--
-- A message's price is set when it comes in (message.price; null is free). Admission reserves it together with the claim; what cannot
-- be paid then fails as insufficient_balance. How the attempt ends decides what becomes of the reservation:
--
--   accepted, by Meta's answer or by a status webhook   spent
--   provably not accepted, or given back before a POST  released; the next attempt reserves anew
--   nobody knows                                        kept, for as long as nobody does: a webhook may still prove it, even after the
--                                                       message ended as unknown. What is never resolved is released when retention
--                                                       drops the message, and the proof with it.
--
-- The books are told by attempt, not by message: should a message that asked for it be sent again while its first attempt is
-- unresolved, both are reserved, and each is spent only on its own proof.
--
-- Lock order, as in V0003: number, scope, balance account, flow, message, each sorted. The row of an account is locked once per batch
-- and organization, and never by a batch in which nobody has one.

-- In millionths of the currency's unit.
CREATE TABLE balance_account (
    organization_id bigint PRIMARY KEY REFERENCES organization,
    currency        text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    available       bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
    reserved        bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    spent           bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
    funded          bigint NOT NULL DEFAULT 0,  -- all top-ups, less what was taken back
    -- Grows with every change of the rate card, so that readers can keep a card for as long as it is the same.
    card_revision   integer NOT NULL DEFAULT 1,
    CONSTRAINT no_money_comes_or_goes_by_itself CHECK (available + reserved + spent = funded)
) WITH (fillfactor = 20);

-- The rate card. The longest prefix of the recipient's number that has the category decides; the empty prefix is everybody else.
CREATE TABLE rate (
    organization_id bigint NOT NULL REFERENCES organization,
    prefix          text NOT NULL CHECK (prefix ~ '^(\+[1-9][0-9]{0,14})?$'),
    category        smallint NOT NULL,             -- domain::Category
    price           bigint NOT NULL CHECK (price >= 0),
    PRIMARY KEY (organization_id, prefix, category)
);

-- The books, double entry: each row takes an amount out of one account (debit) and puts the same into another (credit), so they
-- always sum to zero. Append-only, and kept for good: retention drops messages, not what was paid for them.
CREATE TABLE ledger_entry (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL,
    at              timestamptz NOT NULL,
    reason          text NOT NULL,
    debit           text NOT NULL,
    credit          text NOT NULL,
    amount          bigint NOT NULL CHECK (amount > 0),
    message_id      uuid,     -- and attempt: what it was reserved, spent or released for
    attempt         integer,
    CONSTRAINT ledger_entry_makes_sense CHECK (
        (reason, debit, credit) IN (
            ('top_up', 'outside', 'available'),
            ('adjust', 'available', 'outside'),   -- a top-up is taken back
            ('reserve', 'available', 'reserved'),
            ('spend', 'reserved', 'spent'),
            ('release', 'reserved', 'available'))
        AND (message_id IS NULL) = (reason IN ('top_up', 'adjust'))
        AND (message_id IS NULL) = (attempt IS NULL))
);
-- Exactly once: an attempt is reserved once, and then spent or released, once. Also the way to the entries of a message.
CREATE UNIQUE INDEX ledger_entry_once ON ledger_entry (message_id, attempt, (reason = 'reserve')) WHERE message_id IS NOT NULL;

-- Locks the accounts that pay for these messages, where something may still move: an only attempt that was accepted is settled already
-- and costs no lock, which spares nearly all of the webhooks. Returns the ids, so that whoever locks messages in the same statement
-- cannot do that first.
CREATE FUNCTION lock_balances(p_ids uuid[]) RETURNS uuid[] LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM balance_account) THEN
        PERFORM 1 FROM balance_account a
        WHERE a.organization_id IN (SELECT m.organization_id FROM message m
                                    WHERE m.id = ANY (p_ids) AND m.price IS NOT NULL AND (m.state <> 50 OR m.attempt > 1))
        ORDER BY a.organization_id FOR UPDATE;
    END IF;
    RETURN p_ids;
END $$;

-- Which of these can be paid, one after the other; what is too dear does not keep cheaper ones behind it from going.
CREATE FUNCTION affordable(p_prices bigint[], p_available bigint) RETURNS boolean[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_price bigint;
    v_paid  boolean[] := '{}';
BEGIN
    FOREACH v_price IN ARRAY p_prices LOOP
        v_paid := v_paid || (v_price <= p_available);
        IF v_price <= p_available THEN
            p_available := p_available - v_price;
        END IF;
    END LOOP;
    RETURN v_paid;
END $$;

-- Reserves the prices of what an admission claimed. The accounts are locked, and what does not fit was not claimed.
CREATE FUNCTION reserve_claimed(p_claim uuid, p_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH reserved AS (
        INSERT INTO ledger_entry (organization_id, at, reason, debit, credit, amount, message_id, attempt)
        SELECT m.organization_id, m.claimed_at, 'reserve', 'available', 'reserved', m.price, m.id, m.attempt
        FROM message m JOIN balance_account a ON a.organization_id = m.organization_id
        WHERE m.id = ANY (p_ids) AND m.state = 30 AND m.claim = p_claim AND m.price IS NOT NULL
        RETURNING organization_id, amount
    )
    UPDATE balance_account a SET available = a.available - x.amount, reserved = a.reserved + x.amount
    FROM (SELECT r.organization_id, sum(r.amount)::bigint AS amount FROM reserved r GROUP BY r.organization_id) x
    WHERE a.organization_id = x.organization_id;
END $$;

-- Spends or releases what is reserved for these attempts. What is settled already, or was never reserved, stays as it is, so again is
-- harmless. The accounts must be locked.
CREATE FUNCTION settle_reservations(
    p_ids      uuid[],
    p_attempts integer[],
    p_spent    boolean[]   -- false: released; null: neither, nobody knows yet
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH settled AS (
        INSERT INTO ledger_entry (organization_id, at, reason, debit, credit, amount, message_id, attempt)
        SELECT r.organization_id, turnpike_now(), CASE WHEN u.spent THEN 'spend' ELSE 'release' END,
               'reserved', CASE WHEN u.spent THEN 'spent' ELSE 'available' END, r.amount, r.message_id, r.attempt
        FROM unnest(p_ids, p_attempts, p_spent) AS u (id, attempt, spent)
        JOIN ledger_entry r ON r.message_id = u.id AND r.attempt = u.attempt AND (r.reason = 'reserve') = true
        WHERE u.spent IS NOT NULL
        ON CONFLICT DO NOTHING
        RETURNING organization_id, credit, amount
    )
    UPDATE balance_account a SET
        reserved  = a.reserved - x.spent - x.released,
        spent     = a.spent + x.spent,
        available = a.available + x.released
    FROM (
        SELECT s.organization_id,
               coalesce(sum(s.amount) FILTER (WHERE s.credit = 'spent'), 0)::bigint AS spent,
               coalesce(sum(s.amount) FILTER (WHERE s.credit = 'available'), 0)::bigint AS released
        FROM settled s GROUP BY s.organization_id
    ) x WHERE a.organization_id = x.organization_id;
END $$;

-- Releases what is still reserved for messages of the days before p_before that are over: retention is about to drop them, and with
-- them the place that a late proof would be about. Returns how many reservations there were.
CREATE FUNCTION release_forgotten(p_before date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_from     uuid := uuid_floor((SELECT min(p.o_day) FROM daily_partitions('message') p)::timestamp AT TIME ZONE 'UTC');
    v_ids      uuid[];
    v_attempts integer[];
BEGIN
    IF NOT EXISTS (SELECT FROM balance_account) THEN
        RETURN 0;
    END IF;
    SELECT array_agg(r.message_id), array_agg(r.attempt) INTO v_ids, v_attempts
    FROM ledger_entry r
    WHERE r.message_id >= v_from AND r.message_id < uuid_floor(p_before::timestamp AT TIME ZONE 'UTC') AND r.reason = 'reserve'
      AND NOT EXISTS (SELECT FROM ledger_entry s WHERE s.message_id = r.message_id AND s.attempt = r.attempt AND (s.reason = 'reserve') = false)
      AND EXISTS (SELECT FROM message m WHERE m.id = r.message_id AND m.state >= 50);
    IF v_ids IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM lock_balances(v_ids);
    PERFORM settle_reservations(v_ids, v_attempts, array_fill(false, ARRAY[cardinality(v_ids)]));
    RETURN cardinality(v_ids);
END $$;

-- Puts money on a balance, or takes it off (p_amount below zero). No row: there is no such account, or it has less than that.
CREATE FUNCTION top_up_balance(p_organization_id bigint, p_amount bigint) RETURNS SETOF balance_account LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH moved AS (
        UPDATE balance_account a SET available = a.available + p_amount, funded = a.funded + p_amount
        WHERE a.organization_id = p_organization_id AND a.available + p_amount >= 0
        RETURNING a.*
    ), entered AS (
        INSERT INTO ledger_entry (organization_id, at, reason, debit, credit, amount)
        SELECT m.organization_id, turnpike_now(),
               CASE WHEN p_amount > 0 THEN 'top_up' ELSE 'adjust' END,
               CASE WHEN p_amount > 0 THEN 'outside' ELSE 'available' END,
               CASE WHEN p_amount > 0 THEN 'available' ELSE 'outside' END, abs(p_amount)
        FROM moved m WHERE p_amount <> 0
    )
    SELECT m.* FROM moved m;
END $$;
