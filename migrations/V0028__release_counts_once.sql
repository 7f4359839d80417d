-- A release pass counts what is with the broker once, not three times, and takes off what it moves itself.
--
-- Counting was what a pass at depth took longest for: it reads the queued rows of every number, so with a sender's second of work on each
-- of fifty numbers, fifty thousand index entries and rows, each time.

SET LOCAL lock_timeout = '2s';

-- What is left of the rooms of these numbers when so many rows of them are taken, as many as p_taken names each.
CREATE FUNCTION release_left(p_numbers bigint[], p_rooms integer[], p_taken bigint[]) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(q.room ORDER BY q.place) FROM (
        SELECT sum(u.room)::integer AS room, min(u.place) AS place FROM (
            SELECT r.number_id, r.room, r.place FROM unnest(p_numbers, p_rooms) WITH ORDINALITY AS r (number_id, room, place)
            UNION ALL SELECT t.number_id, -1, NULL FROM unnest(p_taken) AS t (number_id)
        ) u GROUP BY u.number_id
    ) q
$$;

-- As before (V0015), and of which number each row is.
DROP FUNCTION release_due(bigint[], integer[], smallint, integer, timestamptz);
CREATE FUNCTION release_due(p_numbers bigint[], p_rooms integer[], p_lane smallint, p_limit integer, t timestamptz)
RETURNS TABLE (o_id uuid, o_due_at timestamptz, o_number_id bigint) LANGUAGE plpgsql
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
        RETURN QUERY SELECT u.id, u.due, u.number_id
            FROM unnest(v_urgent, v_due, v_numbers) WITH ORDINALITY AS u (id, due, number_id, place) ORDER BY u.place;
        p_limit := p_limit - cardinality(v_urgent);
        p_rooms := release_left(p_numbers, p_rooms, v_numbers);
    END IF;
    RETURN QUERY
    SELECT d.id, d.wake_at, u.number_id
    FROM unnest(p_numbers, p_rooms) AS u (number_id, room)
    CROSS JOIN LATERAL (
        SELECT m.id, m.wake_at FROM message m
        WHERE m.number_id = u.number_id AND m.state = 10 AND m.lane = p_lane AND m.wake_at <= t AND m.id >= v_floor
          AND (v_urgent IS NULL OR m.id <> ALL (v_urgent))
        ORDER BY m.wake_at LIMIT greatest(u.room, 0) FOR UPDATE SKIP LOCKED
    ) d
    LIMIT p_limit;
END $$;

-- One pass over all numbers that have something to do: single messages first, then bulk as far as room is left.
CREATE OR REPLACE FUNCTION release(
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
    v_rooms   integer[];  -- how many more rows of a number may be with the broker, first counting single messages only
    v_bulk    integer[];  -- how many of bulk are
    v_ids     uuid[];
    v_due     timestamptz[];
    v_taken   bigint[];
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

    -- Every statement from here on sees what other schedulers committed before they let go of these numbers; senders only take away.
    SELECT array_agg(u.depth - single.n ORDER BY u.place), array_agg(bulk.n ORDER BY u.place) INTO v_rooms, v_bulk
    FROM unnest(v_numbers, v_depths) WITH ORDINALITY AS u (number_id, depth, place)
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS n FROM (
            SELECT 1 FROM message m
            WHERE m.number_id = u.number_id AND m.state = 20 AND m.lane = 0 AND m.wake_at IS NOT NULL AND m.id >= v_floor LIMIT u.depth) x
    ) single
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS n FROM (
            SELECT 1 FROM message m
            WHERE m.number_id = u.number_id AND m.state = 20 AND m.lane = 1 AND m.wake_at IS NOT NULL AND m.id >= v_floor LIMIT u.depth) x
    ) bulk;

    SELECT array_agg(d.o_id), array_agg(d.o_due_at), array_agg(d.o_number_id) INTO v_ids, v_due, v_taken
    FROM release_due(v_numbers, v_rooms, 0::smallint, p_limit, t) d;
    IF v_ids IS NOT NULL THEN
        p_limit := p_limit - cardinality(v_ids);
        v_rooms := release_left(v_numbers, v_rooms, v_taken);
        RETURN QUERY SELECT q.o_id, q.o_number_id, q.o_lane, q.o_throughput, q.o_expired, extract(epoch FROM t - v_due[q.o_place])::double precision
            FROM release_rows(v_ids, t, p_ring_after) q;
    END IF;

    v_rooms := ARRAY(SELECT u.room - u.bulk FROM unnest(v_rooms, v_bulk) WITH ORDINALITY AS u (room, bulk, place) ORDER BY u.place);
    SELECT array_agg(d.o_id), array_agg(d.o_due_at), array_agg(d.o_number_id) INTO v_ids, v_due, v_taken
    FROM release_due(
        v_numbers,
        -- Half of it while flows wait, rounded by lot: where there is room for one row a pass, both sides get theirs.
        ARRAY(SELECT CASE WHEN u.flow THEN (u.room + (random() < 0.5)::integer) / 2 ELSE u.room END
              FROM unnest(v_rooms, v_flows) WITH ORDINALITY AS u (room, flow, place) ORDER BY u.place),
        1::smallint, p_limit, t) d;
    IF v_ids IS NOT NULL THEN
        p_limit := p_limit - cardinality(v_ids);
        v_rooms := release_left(v_numbers, v_rooms, v_taken);
        RETURN QUERY SELECT q.o_id, q.o_number_id, q.o_lane, q.o_throughput, q.o_expired, extract(epoch FROM t - v_due[q.o_place])::double precision
            FROM release_rows(v_ids, t, p_ring_after) q;
    END IF;

    IF true = ANY (v_flows) AND p_limit > 0 THEN
        v_ids := ARRAY(SELECT release_in_turn(v_numbers, v_rooms, p_limit, t));
        RETURN QUERY SELECT q.o_id, q.o_number_id, q.o_lane, q.o_throughput, q.o_expired, NULL::double precision
            FROM release_rows(v_ids, t, p_ring_after) q;
    END IF;
END $$;

DROP FUNCTION release_room(bigint[], integer[], smallint[]);
