-- Sets the stage in a test's own database.

-- A UUIDv7 of an instant.
CREATE FUNCTION id_of(p_at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (substr(replace(uuid_floor(p_at)::text, '-', ''), 1, 12) || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;

-- Messages of one number. Times are relative to now; without p_wake a row waits for its flow.
CREATE PROCEDURE make_messages(
    p_number bigint, p_count integer, p_lane smallint, p_state smallint, p_wake interval,
    p_expires interval DEFAULT '1 day', p_category smallint DEFAULT 1, p_resend boolean DEFAULT false,
    p_flow uuid DEFAULT NULL, p_age interval DEFAULT '0', p_attempt integer DEFAULT 0, p_failures integer DEFAULT 0
) LANGUAGE sql AS $$
    INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, flow_id, seq, expires_at, resend, state,
                         wake_at, attempt, failures, changed_at)
    SELECT id_of(clock_timestamp() - p_age), n.organization_id, n.id, n.scope_id, '+1666' || lpad(i::text, 7, '0'), p_lane, p_category,
           p_flow, CASE WHEN p_flow IS NOT NULL THEN i END, clock_timestamp() + p_expires, p_resend, p_state,
           clock_timestamp() + p_wake, p_attempt, p_failures, clock_timestamp()
    FROM sender_number n, generate_series(1, p_count) i WHERE n.id = p_number
$$;

-- A flow with all its rows, none of them released.
CREATE PROCEDURE make_flow(p_id uuid, p_number bigint, p_count integer, p_age interval DEFAULT '0') LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO flow (id, kind, organization_id, number_id, starts_at, last_seq, created_at)
    SELECT p_id, 'broadcast', n.organization_id, n.id, clock_timestamp() - p_age, p_count, clock_timestamp() - p_age
    FROM sender_number n WHERE n.id = p_number;
    CALL make_messages(p_number, p_count, 1::smallint, 10::smallint, NULL, p_flow => p_id, p_age => p_age);
END $$;

-- What a sender does with everything it was told of, so that numbers have room again.
CREATE PROCEDURE accept_queued() LANGUAGE sql AS $$
    UPDATE message SET state = 50, wake_at = NULL, attempt = attempt + 1 WHERE state = 20
$$;

-- Rows that would never be looked at again, or too late to expire in time.
CREATE VIEW forgotten AS
    SELECT m.id, m.state, m.seq, f.released_seq, m.wake_at, m.expires_at
    FROM message m LEFT JOIN flow f ON f.id = m.flow_id
    WHERE (m.state < 50 AND m.wake_at IS NULL AND (m.state <> 10 OR f.id IS NULL OR m.seq <= f.released_seq))
       OR (m.state = 10 AND m.wake_at > m.expires_at)
       OR (m.state >= 50 AND m.wake_at IS NOT NULL);

-- Any life that a few messages may have: everything the pipeline does to rows, in any order and with any outcome. Stops at the first
-- row that is forgotten.
CREATE PROCEDURE live(p_seed double precision, p_steps integer) LANGUAGE plpgsql AS $$
DECLARE
    v_ids       uuid[];
    v_event     integer;
    v_forgotten record;
BEGIN
    PERFORM setseed(p_seed);
    FOR i IN 1..p_steps LOOP
        v_event := floor(random() * 9);
        v_ids := ARRAY(SELECT m.id FROM message m ORDER BY random() LIMIT 8);
        CASE v_event
            WHEN 0 THEN PERFORM release('10 s', 20);
            WHEN 1 THEN PERFORM admit(gen_random_uuid(), v_ids, '1 s', '10 ms', '90 s', '24 h', '60 s', '6 s', 2);
            WHEN 2 THEN
                -- A sender settles what it was given, each row with an outcome of its own, some with alarms far away.
                PERFORM record_outcomes(array_agg(o.id), array_agg(o.attempt), array_agg(o.state), array_agg(o.wake_at),
                    array_agg(NULL::text), array_agg(NULL::text), array_agg(o.state = 60), array_agg(o.state IN (10, 60)))
                FROM (
                    SELECT s.id, s.attempt, s.state, CASE WHEN s.state < 50 THEN turnpike_now() + random() * interval '3 days' END AS wake_at
                    FROM (SELECT m.id, m.attempt, (ARRAY[10, 40, 50, 60]::smallint[])[1 + floor(random() * 4)::integer] AS state
                          FROM message m WHERE m.state = 30 LIMIT 8 OFFSET 0) s
                ) o HAVING count(*) > 0;
            WHEN 3 THEN PERFORM ring_again('{10 s,20 s}', '{0,1}', 5, 10);
            WHEN 4 THEN PERFORM expire_leases('{15 min,15 min,15 min,75 min}', 5, 10);
            WHEN 5 THEN
                -- Holds go on, end, or end in another attempt.
                PERFORM settle_holds(array_agg(h.o_id), array_agg(h.o_attempt), array_agg(h.o_alarm), array_agg(h.state),
                    array_agg(CASE WHEN h.state = 40 THEN turnpike_now() + random() * interval '1 h' END), turnpike_now())
                FROM (SELECT d.*, (ARRAY[10, 40, 63]::smallint[])[1 + floor(random() * 3)::integer] AS state FROM holds_due(5, 10) d) h
                HAVING count(*) > 0;
            WHEN 6 THEN UPDATE flow SET status = CASE status WHEN 'running' THEN 'paused' ELSE 'running' END WHERE random() < 0.3;
            WHEN 7 THEN UPDATE number_gate SET paused_until = CASE WHEN random() < 0.5 THEN turnpike_now() + interval '1 h' ELSE '-infinity' END;
            -- Time passes for some: alarms ring, leases and holds end, a few messages come too late.
            ELSE
                UPDATE message m SET wake_at = least(m.wake_at, turnpike_now()) WHERE m.id = ANY (v_ids) AND m.state < 50;
                UPDATE message m SET expires_at = turnpike_now(), wake_at = least(m.wake_at, turnpike_now()) WHERE m.id = v_ids[1] AND m.state < 50;
        END CASE;
        SELECT * INTO v_forgotten FROM forgotten LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'step % with event % forgot %', i, v_event, v_forgotten;
        END IF;
    END LOOP;
END $$;

-- The ledger's clock, where a test sets it: for all connections, those that are open too.
CREATE TABLE test_clock (at timestamptz NOT NULL);
CREATE OR REPLACE FUNCTION turnpike_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT coalesce((SELECT at FROM test_clock), clock_timestamp())
$$;
CREATE PROCEDURE set_clock(p_at timestamptz) LANGUAGE sql AS $$
    DELETE FROM test_clock;
    INSERT INTO test_clock VALUES (p_at);
$$;

-- A sender that admits all that is queued, under the messaging limit, and whose every message Meta accepts.
CREATE PROCEDURE admit_queued() LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[] := ARRAY(SELECT m.id FROM message m WHERE m.state = 20 ORDER BY m.id);
BEGIN
    PERFORM admit(gen_random_uuid(), v_ids, '1 h', '10 ms', '90 s', '24 h', '60 s');
    UPDATE message SET state = 50, wake_at = NULL WHERE state = 30;
END $$;
