-- Time passed: what is due goes to the broker, a second or two of work per number, and the rest stays here; what was silent for too
-- long is asked again, or called what it is.
--
-- Any number of schedulers may run any of this at once: rows are taken with SKIP LOCKED, and each transition names the state it
-- leaves. All functions go by nested loops and keep one plan: their arguments are short lists of keys, while the ledger has a
-- partition per day, and planning over a hundred of them costs ten times what running does.

-- Where to look for alarms: no message with a smaller id has one. Without it every look would go through all the partitions that
-- retention keeps, and with a hundred of them that is most of its cost. Never before the day before yesterday, so no clock of an
-- ingest that is a little off can put a message below it.
CREATE TABLE live_floor (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
) WITH (fillfactor = 20);
INSERT INTO live_floor DEFAULT VALUES;

-- The partitions of a table that belong to one day each, oldest first.
CREATE FUNCTION daily_partitions(p_table text) RETURNS TABLE (o_table regclass, o_day date) LANGUAGE sql STABLE AS $$
    SELECT c.oid::regclass, to_date(right(c.relname, 8), 'YYYYMMDD')
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = p_table::regclass AND c.relname ~ '_[0-9]{8}$'
    ORDER BY 2
$$;

-- Finds the floor anew, from the oldest partition up; a mistake would last until the next look and no longer.
CREATE FUNCTION find_live_floor() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    v_top   timestamptz := date_trunc('day', turnpike_now(), 'UTC') - interval '2 days';
    v_day   record;
    v_live  boolean;
    v_floor uuid;
BEGIN
    -- Rows that wait for their flow's cursor have no alarm yet, but will have one.
    SELECT least(v_top, min(f.created_at) - interval '1 day') INTO v_top FROM flow f WHERE f.has_work AND f.status <> 'canceled';
    v_floor := uuid_floor(v_top);
    FOR v_day IN SELECT p.o_table, p.o_day FROM daily_partitions('message') p WHERE uuid_floor(p.o_day::timestamp AT TIME ZONE 'UTC') < v_floor LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s m WHERE m.wake_at IS NOT NULL)', v_day.o_table) INTO v_live;
        IF v_live THEN
            v_floor := uuid_floor(v_day.o_day::timestamp AT TIME ZONE 'UTC');
            EXIT;
        END IF;
    END LOOP;
    UPDATE live_floor l SET id = v_floor WHERE l.id <> v_floor;
    RETURN v_floor;
END $$;

-- Releasing -----------------------------------------------------------------------------------------------------------------------

-- How many more rows of these numbers may be with the broker, counting what is queued in these lanes.
CREATE FUNCTION release_room(p_numbers bigint[], p_depths integer[], p_lanes smallint[]) RETURNS integer[] LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN (
        SELECT array_agg(u.depth - q.n ORDER BY u.place)
        FROM unnest(p_numbers, p_depths) WITH ORDINALITY AS u (number_id, depth, place)
        CROSS JOIN LATERAL (
            SELECT count(*)::integer AS n FROM (
                SELECT 1 FROM message m
                WHERE m.number_id = u.number_id AND m.state = 20 AND m.lane = ANY (p_lanes) AND m.wake_at IS NOT NULL AND m.id >= v_floor
                LIMIT u.depth) x
        ) q
    );
END $$;

-- Parked rows of these numbers whose time has come, the longest due first within a number, locked.
CREATE FUNCTION release_due(p_numbers bigint[], p_rooms integer[], p_lane smallint, p_limit integer, t timestamptz)
RETURNS TABLE (o_id uuid, o_due_at timestamptz) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN QUERY
    SELECT d.id, d.wake_at
    FROM unnest(p_numbers, p_rooms) AS u (number_id, room)
    CROSS JOIN LATERAL (
        SELECT m.id, m.wake_at FROM message m
        WHERE m.number_id = u.number_id AND m.state = 10 AND m.lane = p_lane AND m.wake_at <= t AND m.id >= v_floor
        ORDER BY m.wake_at LIMIT greatest(u.room, 0) FOR UPDATE SKIP LOCKED
    ) d
    LIMIT p_limit;
END $$;

-- The next rows of the flows of these numbers, by moving the flows' cursors. Each flow of a number gets the same share of its room,
-- the one that waited longest first; what a short flow leaves of its share is given out in the next pass.
CREATE FUNCTION release_in_turn(p_numbers bigint[], p_rooms integer[], p_limit integer, t timestamptz)
RETURNS SETOF uuid LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN QUERY
    WITH waiting AS (
        SELECT f.id, f.last_seq - f.released_seq AS rest, u.room,
               row_number() OVER (PARTITION BY u.number_id ORDER BY f.served_at, f.id) AS turn,
               count(*) OVER (PARTITION BY u.number_id) AS flows
        FROM unnest(p_numbers, p_rooms) AS u (number_id, room)
        JOIN flow f ON f.number_id = u.number_id AND f.has_work AND f.status = 'running' AND f.starts_at <= t
        WHERE u.room > 0
    ), share AS (
        SELECT w.id, w.turn,
               -- Rounded up, and so not for everybody when room is short: those who get nothing are first in the next pass.
               least(w.rest, (w.room + w.flows - 1) / w.flows,
                     greatest(0, w.room - (w.turn - 1) * ((w.room + w.flows - 1) / w.flows))) AS rows
        FROM waiting w WHERE w.turn <= w.room
    ), within AS (
        SELECT s.id, s.turn, least(s.rows, p_limit - sum(s.rows) OVER (ORDER BY s.turn, s.id) + s.rows)::integer AS rows FROM share s
    ), moved AS (
        -- A flow that is being paused or canceled right now is waited for, and then not moved. The microseconds turn the order
        -- around among those served together, so that nobody is always the first.
        UPDATE flow f SET released_seq = f.released_seq + w.rows, served_at = t - w.turn * interval '1 us'
        FROM within w WHERE f.id = w.id AND w.rows > 0 AND f.has_work AND f.status = 'running'
        -- Rows are made with their flow or after it; an hour for clocks that differ.
        RETURNING f.id, uuid_floor(f.created_at - interval '1 h') AS floor, f.released_seq - w.rows AS since, f.released_seq AS until, w.turn
    )
    SELECT r.id FROM moved v CROSS JOIN LATERAL (
        SELECT m.id, m.seq FROM message m
        WHERE m.flow_id = v.id AND m.seq > v.since AND m.seq <= v.until AND m.state = 10 AND m.wake_at IS NULL
          AND m.id >= v.floor
    ) r ORDER BY v.turn, r.seq;
END $$;

-- Parked rows become queued, or expired when they come too late. In the order given.
CREATE FUNCTION release_rows(p_ids uuid[], t timestamptz, p_ring_after interval)
RETURNS TABLE (o_id uuid, o_number_id bigint, o_lane smallint, o_throughput integer, o_expired boolean, o_place bigint) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN QUERY
    WITH moved AS (
        UPDATE message m SET
            state = CASE WHEN m.expires_at <= t THEN 61 ELSE 20 END,
            reason = CASE WHEN m.expires_at <= t THEN 'expired' END,
            wake_at = CASE WHEN m.expires_at <= t THEN NULL ELSE t + p_ring_after END,
            rings = 0, changed_at = t
        FROM unnest(p_ids) WITH ORDINALITY AS u (id, place)
        WHERE m.id = u.id AND m.state = 10
        RETURNING m.id, m.number_id, m.lane, m.state, u.place
    )
    SELECT v.id, v.number_id, v.lane, n.throughput, v.state = 61, v.place
    FROM moved v JOIN sender_number n ON n.id = v.number_id ORDER BY v.place;
END $$;

-- The next rows of every number that has room, at most p_limit of them, moved from parked to queued. Their jobs are published after
-- the commit; should that publish be lost, the alarm set here finds them again. Two schedulers share the numbers (SKIP LOCKED) and
-- release each row once.
--
-- Per number: single messages first, with a depth of their own, so that bulk rows with the broker never hold a reply back; then bulk
-- rows that were released before and came back (deferred, or to be tried again), and flows in turn. Those two share the room evenly,
-- so a campaign that is put off again and again does not keep the others waiting.
CREATE FUNCTION release(
    p_ring_after interval,  -- how long a queued row may be silent before its job is published again
    p_limit      integer
) RETURNS TABLE (
    o_id uuid, o_number_id bigint, o_lane smallint, o_throughput integer,
    o_expired boolean,
    o_late    double precision  -- seconds after its time; null for a row whose time was its flow's turn
) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t         timestamptz := turnpike_now();
    v_floor   uuid := (SELECT l.id FROM live_floor l);
    v_numbers bigint[];
    v_depths  integer[];
    v_flows   boolean[];  -- whether a flow of the number waits for its turn
    v_rooms   integer[];
    v_ids     uuid[];
    v_due     timestamptz[];
BEGIN
    -- Numbers with something to do, in any order: should the limit cut the pass short, it cuts off others each time.
    SELECT array_agg(q.number_id), array_agg(q.depth), array_agg(q.flow) INTO v_numbers, v_depths, v_flows FROM (
        SELECT d.number_id, d.depth,
               EXISTS (SELECT 1 FROM flow f WHERE f.number_id = d.number_id AND f.has_work AND f.status = 'running' AND f.starts_at <= t) AS flow
        FROM number_dispatch d JOIN number_gate g ON g.number_id = d.number_id
        WHERE g.paused_until <= t
          AND (EXISTS (SELECT 1 FROM message m WHERE m.number_id = d.number_id AND m.state = 10 AND m.lane = 0 AND m.wake_at <= t AND m.id >= v_floor)
            OR EXISTS (SELECT 1 FROM message m WHERE m.number_id = d.number_id AND m.state = 10 AND m.lane = 1 AND m.wake_at <= t AND m.id >= v_floor)
            OR EXISTS (SELECT 1 FROM flow f WHERE f.number_id = d.number_id AND f.has_work AND f.status = 'running' AND f.starts_at <= t))
        ORDER BY random() FOR UPDATE OF d SKIP LOCKED
    ) q;
    IF v_numbers IS NULL THEN
        RETURN;
    END IF;

    -- Every statement from here on sees what other schedulers committed before they let go of these numbers.
    v_rooms := release_room(v_numbers, v_depths, '{0}');
    SELECT array_agg(d.o_id), array_agg(d.o_due_at) INTO v_ids, v_due FROM release_due(v_numbers, v_rooms, 0::smallint, p_limit, t) d;
    IF v_ids IS NOT NULL THEN
        p_limit := p_limit - cardinality(v_ids);
        RETURN QUERY SELECT q.o_id, q.o_number_id, q.o_lane, q.o_throughput, q.o_expired, extract(epoch FROM t - v_due[q.o_place])::double precision
            FROM release_rows(v_ids, t, p_ring_after) q;
    END IF;

    v_rooms := release_room(v_numbers, v_depths, '{0,1}');
    SELECT array_agg(d.o_id), array_agg(d.o_due_at) INTO v_ids, v_due FROM release_due(
        v_numbers,
        -- Half of it while flows wait, rounded by lot: where there is room for one row a pass, both sides get theirs.
        ARRAY(SELECT CASE WHEN u.flow THEN (u.room + (random() < 0.5)::integer) / 2 ELSE u.room END
              FROM unnest(v_rooms, v_flows) WITH ORDINALITY AS u (room, flow, place) ORDER BY u.place),
        1::smallint, p_limit, t) d;
    IF v_ids IS NOT NULL THEN
        p_limit := p_limit - cardinality(v_ids);
        RETURN QUERY SELECT q.o_id, q.o_number_id, q.o_lane, q.o_throughput, q.o_expired, extract(epoch FROM t - v_due[q.o_place])::double precision
            FROM release_rows(v_ids, t, p_ring_after) q;
        v_rooms := release_room(v_numbers, v_depths, '{0,1}');
    END IF;

    IF true = ANY (v_flows) AND p_limit > 0 THEN
        v_ids := ARRAY(SELECT release_in_turn(v_numbers, v_rooms, p_limit, t));
        RETURN QUERY SELECT q.o_id, q.o_number_id, q.o_lane, q.o_throughput, q.o_expired, NULL::double precision
            FROM release_rows(v_ids, t, p_ring_after) q;
    END IF;
END $$;

-- How long the row that is longest due has waited, in seconds; 0 when none is. Rows of paused numbers count: they wait too.
CREATE FUNCTION oldest_due() RETURNS double precision LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t       timestamptz := turnpike_now();
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN (
        SELECT coalesce(extract(epoch FROM t - min(a.wake_at)), 0)
        FROM number_dispatch d CROSS JOIN unnest('{0,1}'::smallint[]) AS l (lane)
        CROSS JOIN LATERAL (
            SELECT m.wake_at FROM message m
            WHERE m.number_id = d.number_id AND m.state = 10 AND m.lane = l.lane AND m.wake_at <= t AND m.id >= v_floor
            ORDER BY m.wake_at LIMIT 1
        ) a
    );
END $$;

-- Repairing -----------------------------------------------------------------------------------------------------------------------

-- Queued rows that nobody asked about: their job was lost, or its turn has not come. Their alarm moves on, and their jobs are
-- published again after the commit.
CREATE FUNCTION ring_again(
    p_after      interval[],  -- by rings so far: how long a row may be silent then; the last holds for all that follow
    p_lanes      smallint[],
    p_per_number integer,
    p_limit      integer      -- in all; what it leaves is first the next time, as its alarm has not moved
) RETURNS TABLE (o_id uuid, o_number_id bigint, o_lane smallint, o_throughput integer) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t       timestamptz := turnpike_now();
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN QUERY
    WITH silent AS MATERIALIZED (
        SELECT s.id, s.wake_at
        FROM number_dispatch d CROSS JOIN unnest(p_lanes) AS l (lane)
        CROSS JOIN LATERAL (
            SELECT m.id, m.wake_at FROM message m
            WHERE m.number_id = d.number_id AND m.state = 20 AND m.lane = l.lane AND m.wake_at <= t AND m.id >= v_floor
            ORDER BY m.wake_at LIMIT p_per_number FOR UPDATE SKIP LOCKED
        ) s LIMIT p_limit
    ), rung AS (
        UPDATE message m SET rings = m.rings + 1, wake_at = t + p_after[least(m.rings + 2, cardinality(p_after))]
        FROM silent s WHERE m.id = s.id
        RETURNING m.id, m.number_id, m.lane, s.wake_at AS silent_since
    )
    SELECT r.id, r.number_id, r.lane, n.throughput
    FROM rung r JOIN sender_number n ON n.id = r.number_id ORDER BY r.silent_since, r.id;
END $$;

-- Attempts whose lease ran out: whoever claimed them died, or hangs. A POST may have happened, so they never go back to the queue.
-- The claim stays: the sender's journal may still tell, however late it is found.
CREATE FUNCTION expire_leases(
    p_holds      interval[],  -- by category, from code 0: how long to wait for a webhook
    p_per_number integer,
    p_limit      integer
) RETURNS SETOF uuid LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t       timestamptz := turnpike_now();
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN QUERY
    WITH silent AS MATERIALIZED (
        SELECT s.id
        FROM number_dispatch d CROSS JOIN unnest('{0,1}'::smallint[]) AS l (lane)
        CROSS JOIN LATERAL (
            SELECT m.id FROM message m
            WHERE m.number_id = d.number_id AND m.state = 30 AND m.lane = l.lane AND m.wake_at <= t AND m.id >= v_floor
            ORDER BY m.wake_at LIMIT p_per_number FOR UPDATE SKIP LOCKED
        ) s LIMIT p_limit
    )
    UPDATE message m SET state = 40, wake_at = t + p_holds[m.category + 1], changed_at = t
    FROM silent s WHERE m.id = s.id
    RETURNING m.id;
END $$;

-- Outcomes that nobody told us within the hold: unknown, or one more attempt where the message asks for that and it is still in time.
-- Such an attempt counts against the retry budget, so a recipient is not written to again and again.
CREATE FUNCTION end_holds(
    p_max_failures integer,
    p_per_number   integer,
    p_limit        integer
) RETURNS TABLE (o_id uuid, o_resent boolean) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t       timestamptz := turnpike_now();
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN QUERY
    WITH over AS MATERIALIZED (
        SELECT s.id, s.again
        FROM number_dispatch d CROSS JOIN unnest('{0,1}'::smallint[]) AS l (lane)
        CROSS JOIN LATERAL (
            SELECT m.id, m.resend AND m.expires_at > t AND m.failures + 1 < p_max_failures AS again FROM message m
            WHERE m.number_id = d.number_id AND m.state = 40 AND m.lane = l.lane AND m.wake_at <= t AND m.id >= v_floor
            ORDER BY m.wake_at LIMIT p_per_number FOR UPDATE SKIP LOCKED
        ) s LIMIT p_limit
    )
    UPDATE message m SET
        state    = CASE WHEN o.again THEN 10 ELSE 63 END,
        wake_at  = CASE WHEN o.again THEN t END,
        reason   = CASE WHEN NOT o.again THEN 'outcome_unknown' END,
        failures = m.failures + o.again::integer, changed_at = t
    FROM over o WHERE m.id = o.id
    RETURNING m.id, o.again;
END $$;

-- Retention -----------------------------------------------------------------------------------------------------------------------

-- Drops the partitions of days before p_before that hold no message under way, a day at a time, at most p_days of them; says which
-- days went. Nothing in a kept partition is ever deleted.
CREATE FUNCTION drop_partitions(p_before date, p_days integer) RETURNS SETOF date LANGUAGE plpgsql AS $$
DECLARE
    v_day   record;
    v_table text;
    v_live  boolean;
BEGIN
    -- A drop locks the whole table for a moment. It must not wait for that, because everybody else would then wait behind it.
    PERFORM set_config('lock_timeout', '500ms', true);
    PERFORM pg_advisory_xact_lock(hashtext('turnpike.partitions'));
    FOR v_day IN SELECT p.o_table, p.o_day FROM daily_partitions('message') p WHERE p.o_day < p_before LOOP
        EXIT WHEN p_days <= 0;
        -- Under way is what has an alarm, or waits for its flow's cursor.
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %1$s m WHERE m.wake_at IS NOT NULL)
            OR EXISTS (SELECT 1 FROM flow f JOIN %1$s m ON m.flow_id = f.id AND m.seq > f.released_seq AND m.state = 10 WHERE f.has_work)',
            v_day.o_table) INTO v_live;
        CONTINUE WHEN v_live;
        FOREACH v_table IN ARRAY ARRAY['message', 'message_content', 'attempt', 'status_event'] LOOP
            EXECUTE format('DROP TABLE IF EXISTS %I', v_table || '_' || to_char(v_day.o_day, 'YYYYMMDD'));
        END LOOP;
        p_days := p_days - 1;
        RETURN NEXT v_day.o_day;
    END LOOP;
END $$;
