-- Sets the stage in a test's own database.

CREATE PROCEDURE make_messages(p_organization bigint, p_count integer, p_state smallint, p_scheduled interval DEFAULT NULL, p_flow uuid DEFAULT NULL)
LANGUAGE sql AS $$
    INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, flow_id, seq, scheduled_at, expires_at, state,
                         wake_at, reason, changed_at)
    SELECT (substr(replace(uuid_floor(clock_timestamp())::text, '-', ''), 1, 12) || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
           n.organization_id, n.id, n.scope_id, '+1666' || lpad(i::text, 7, '0'), 0, 1, p_flow, CASE WHEN p_flow IS NOT NULL THEN i END,
           clock_timestamp() + p_scheduled, clock_timestamp() + interval '1 day', p_state,
           CASE WHEN p_state < 50 THEN clock_timestamp() + coalesce(p_scheduled, '0') END,
           CASE WHEN p_state = 60 THEN 'template_paused' END, clock_timestamp()
    FROM sender_number n, generate_series(1, p_count) i WHERE n.organization_id = p_organization
$$;

-- One rung up the ladder for the messages it is given: 20, 30, 50, then delivery 1, 3 and 4.
CREATE PROCEDURE climb(p_ids uuid[]) LANGUAGE sql AS $$
    UPDATE message m SET
        state = CASE m.state WHEN 20 THEN 30 ELSE 50 END,
        delivery = CASE WHEN m.state < 50 THEN 0 ELSE CASE m.delivery WHEN 0 THEN 1 WHEN 1 THEN 3 ELSE 4 END END,
        wake_at = CASE m.state WHEN 20 THEN clock_timestamp() + interval '90 s' END, changed_at = clock_timestamp()
    WHERE m.id = ANY (p_ids)
$$;

-- A writer among others: some messages climb, a few at a time, several times in one transaction, which now and then is rolled back.
CREATE PROCEDURE write(p_seed double precision, p_transactions integer) LANGUAGE plpgsql AS $$
DECLARE
    v_ids uuid[];
BEGIN
    PERFORM setseed(p_seed);
    FOR i IN 1..p_transactions LOOP
        FOR j IN 1..3 LOOP
            -- Locked in one order; what another writer has is left to it.
            v_ids := ARRAY(SELECT l.id FROM (SELECT m.id FROM message m ORDER BY random() LIMIT 5) r
                           JOIN message l ON l.id = r.id WHERE l.delivery < 4 ORDER BY l.id FOR UPDATE OF l SKIP LOCKED);
            CALL climb(v_ids);
        END LOOP;
        IF random() < 0.2 THEN ROLLBACK; ELSE COMMIT; END IF;
    END LOOP;
END $$;

CREATE FUNCTION every_id() RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(m.id) FROM message m
$$;

CREATE FUNCTION moving_ids() RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(m.id) FROM message m WHERE m.state < 50
$$;
