-- Webhooks to customers: who is told where, and what became of each delivery.
--
-- The events are the ledger's own (V0006, V0011). A cursor per organization moves over them in their order and leaves one delivery per
-- event and endpoint that wants it; from then on deliveries are on their own, each with its alarm, so that one that fails holds nobody
-- up. Any number of notifiers may do any of this at once.

SET LOCAL lock_timeout = '2s';

CREATE TABLE webhook_endpoint (
    id               uuid PRIMARY KEY,
    organization_id  bigint NOT NULL REFERENCES organization,
    -- Where to. Of an endpoint that stands for the addresses that messages bring along (webhook_url), scheme, host and port: what works
    -- or fails together is one receiver, however many paths it has.
    url              text NOT NULL,
    of_messages      boolean NOT NULL DEFAULT false,
    description      text,
    events           text[] NOT NULL DEFAULT '{*}',    -- domain::event::Filter
    concurrency      integer NOT NULL DEFAULT 5 CHECK (concurrency BETWEEN 1 AND 50),
    secret           bytea,                            -- sealed; null: derived from the server's key and the id
    old_secret       bytea,                            -- sealed; signs too until then
    old_secret_until timestamptz,
    disabled         text CHECK (disabled IN ('failing', 'gone', 'operator')),
    -- domain::webhook::Standing
    failures         integer NOT NULL DEFAULT 0,
    failing_since    timestamptz,
    rests_until      timestamptz NOT NULL DEFAULT '-infinity',
    from_sequence    bigint NOT NULL,                  -- it wants to hear what comes after this
    created_at       timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX webhook_endpoint_of_organization ON webhook_endpoint (organization_id, id);
CREATE UNIQUE INDEX webhook_endpoint_of_messages ON webhook_endpoint (organization_id, url) WHERE of_messages;

-- How far the events of an organization were looked through. Apart from event_counter, so that a slow broker does not hold it up.
CREATE TABLE webhook_cursor (
    organization_id bigint PRIMARY KEY REFERENCES organization,
    sequence        bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);
CREATE INDEX event_that_calls_back ON event (organization_id, sequence) WHERE calls_back AND sequence IS NOT NULL;

CREATE TABLE webhook_delivery (
    endpoint_id     uuid NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE,
    sequence        bigint NOT NULL,          -- of the event, which says what to deliver
    organization_id bigint NOT NULL,
    url             text,                     -- the message's own address; else the endpoint's
    state           smallint NOT NULL DEFAULT 1, -- 1 waits for its time, 2 is under way, 3 delivered, 4 failed
    wake_at         timestamptz,              -- its time; of one under way, when its deliverer counts as dead; null: it is over
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    -- The last attempt that ended.
    ended_at        timestamptz,
    http_status     smallint,
    took_ms         integer,
    error           text,                     -- in words; nothing of the answer
    PRIMARY KEY (endpoint_id, sequence),
    CONSTRAINT webhook_delivery_is_not_forgotten CHECK ((wake_at IS NULL) = (state >= 3))
) WITH (fillfactor = 70);
CREATE INDEX webhook_delivery_alarm ON webhook_delivery (endpoint_id, state, wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX webhook_delivery_by_age ON webhook_delivery (created_at) WHERE wake_at IS NULL;

-- An endpoint that is given up, or taken up again, is news itself.
CREATE FUNCTION note_endpoint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event(NEW.organization_id, CASE WHEN NEW.disabled IS NULL THEN 'webhook_endpoint.enabled' ELSE 'webhook_endpoint.disabled' END,
        jsonb_build_object('endpoint_id', NEW.id, 'url', NEW.url, 'reason', NEW.disabled,
            'failing_since', to_jsonb(OLD.failing_since AT TIME ZONE 'UTC') #>> '{}' || 'Z'));
    RETURN NULL;
END $$;
CREATE TRIGGER endpoint_has_changed AFTER UPDATE OF disabled ON webhook_endpoint FOR EACH ROW
    WHEN (NEW.disabled IS DISTINCT FROM OLD.disabled) EXECUTE FUNCTION note_endpoint();

-- domain::event::Filter::matches, for a list of them.
CREATE FUNCTION is_wanted(p_events text[], p_kind text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_events && ARRAY['*', split_part(p_kind, '.', 1) || '.*', p_kind]
$$;

-- Moves the cursors on over events that have their numbers, at most p_rows rows of events per organization, and leaves the deliveries.
-- A test is for the endpoint that it names and for nobody else.
CREATE FUNCTION fan_out(p_rows integer) RETURNS TABLE (o_deliveries bigint, o_full boolean) LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    c       record;
    t       timestamptz := turnpike_now();
    v_last  bigint;
    v_upto  bigint;
    v_rows  bigint[];   -- event ids
    v_new   bigint;
BEGIN
    o_deliveries := 0;
    o_full := false;
    INSERT INTO webhook_cursor (organization_id)
    SELECT k.organization_id FROM event_counter k WHERE NOT EXISTS (SELECT 1 FROM webhook_cursor w WHERE w.organization_id = k.organization_id)
    ON CONFLICT DO NOTHING;
    FOR c IN
        SELECT w.organization_id, w.sequence FROM webhook_cursor w JOIN event_counter k ON k.organization_id = w.organization_id
        WHERE k.last_sequence > w.sequence ORDER BY w.organization_id FOR UPDATE OF w SKIP LOCKED
    LOOP
        -- Statements of their own, so they see every event up to the last number.
        SELECT k.last_sequence INTO v_last FROM event_counter k WHERE k.organization_id = c.organization_id;
        IF EXISTS (SELECT 1 FROM webhook_endpoint e WHERE e.organization_id = c.organization_id AND e.disabled IS NULL AND NOT e.of_messages) THEN
            SELECT array_agg(x.id ORDER BY x.sequence), max(x.sequence) INTO v_rows, v_upto FROM (
                SELECT e.id, e.sequence FROM event e
                WHERE e.organization_id = c.organization_id AND e.sequence > c.sequence AND e.sequence <= v_last
                ORDER BY e.sequence LIMIT p_rows) x;
        ELSE
            -- Nobody but messages with an address of their own: all the others are passed over unseen. Tests too are for such endpoints.
            SELECT array_agg(x.id ORDER BY x.sequence), max(x.sequence) INTO v_rows, v_upto FROM (
                SELECT e.id, e.sequence FROM event e
                WHERE e.organization_id = c.organization_id AND e.sequence > c.sequence AND e.sequence <= v_last AND e.calls_back
                ORDER BY e.sequence LIMIT p_rows) x;
        END IF;
        IF coalesce(cardinality(v_rows), 0) < p_rows THEN
            v_upto := v_last;
        ELSE
            o_full := true;
        END IF;
        IF v_rows IS NOT NULL THEN
            INSERT INTO webhook_delivery (endpoint_id, sequence, organization_id, wake_at, created_at)
            SELECT p.id, s.sequence, c.organization_id, t, t
            FROM unnest(v_rows) u (id) JOIN event e ON e.id = u.id
            JOIN webhook_endpoint p ON p.organization_id = c.organization_id AND p.disabled IS NULL
            CROSS JOIN LATERAL generate_series(greatest(e.sequence - e.size + 1, p.from_sequence + 1), e.sequence) AS s (sequence)
            WHERE CASE WHEN e.kind = 'webhook_endpoint.test' THEN p.id::text = e.data ->> 'endpoint_id'
                       ELSE NOT p.of_messages AND is_wanted(p.events, e.kind) END
            ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS v_new = ROW_COUNT;
            o_deliveries := o_deliveries + v_new;
            IF EXISTS (SELECT 1 FROM unnest(v_rows) u (id) JOIN event e ON e.id = u.id WHERE e.calls_back) THEN
                o_deliveries := o_deliveries + call_back(c.organization_id, v_rows, t);
            END IF;
        END IF;
        UPDATE webhook_cursor w SET sequence = v_upto WHERE w.organization_id = c.organization_id;
    END LOOP;
    RETURN NEXT;
END $$;

-- Deliveries to the addresses that messages brought along, and the endpoints that stand for them.
CREATE FUNCTION call_back(p_organization_id bigint, p_events bigint[], t timestamptz) RETURNS bigint LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    v_sequences bigint[];
    v_urls      text[];
    v_new       bigint;
BEGIN
    SELECT array_agg(e.sequence - e.size + m.place), array_agg(b.webhook_url) INTO v_sequences, v_urls
    FROM unnest(p_events) u (id) JOIN event e ON e.id = u.id AND e.calls_back
    CROSS JOIN LATERAL unnest(e.message_ids) WITH ORDINALITY AS m (id, place)
    JOIN message_content b ON b.id = m.id AND b.webhook_url IS NOT NULL;
    INSERT INTO webhook_endpoint (id, organization_id, url, of_messages, from_sequence, created_at)
    SELECT gen_random_uuid(), p_organization_id, o.origin, true, 0, t
    FROM (SELECT DISTINCT lower(substring(x.url FROM '^[^:]+://[^/?#]+')) AS origin FROM unnest(v_urls) AS x (url)) o
    WHERE o.origin IS NOT NULL
    ORDER BY o.origin
    ON CONFLICT (organization_id, url) WHERE of_messages DO NOTHING;
    INSERT INTO webhook_delivery (endpoint_id, sequence, organization_id, url, wake_at, created_at)
    SELECT p.id, x.sequence, p_organization_id, x.url, t, t
    FROM unnest(v_sequences, v_urls) AS x (sequence, url)
    JOIN webhook_endpoint p ON p.organization_id = p_organization_id AND p.of_messages AND p.disabled IS NULL
         AND p.url = lower(substring(x.url FROM '^[^:]+://[^/?#]+'))
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_new = ROW_COUNT;
    RETURN v_new;
END $$;

-- Takes deliveries whose time has come, or whose deliverer died: of each endpoint no more than may be under way at once, and one where
-- it has failed p_probe_after times in a row. In all at most p_limit, by lot where that is short.
CREATE FUNCTION claim_deliveries(p_lease interval, p_limit integer, p_probe_after integer) RETURNS TABLE (
    o_endpoint_id uuid, o_sequence bigint, o_attempts integer
) LANGUAGE plpgsql ROWS 50
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t        timestamptz := turnpike_now();
    v_busy   uuid[];
    v_locked uuid[];
BEGIN
    -- From one endpoint with something to do to the next, whatever the number of deliveries and of idle endpoints.
    WITH RECURSIVE busy (id) AS (
        (SELECT d.endpoint_id FROM webhook_delivery d WHERE d.wake_at IS NOT NULL ORDER BY d.endpoint_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.endpoint_id FROM webhook_delivery d WHERE d.wake_at IS NOT NULL AND d.endpoint_id > b.id ORDER BY d.endpoint_id LIMIT 1)
        FROM busy b WHERE b.id IS NOT NULL
    )
    SELECT array_agg(b.id) INTO v_busy FROM busy b WHERE b.id IS NOT NULL;
    IF v_busy IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(x.id ORDER BY random()) INTO v_locked FROM (
        SELECT e.id FROM webhook_endpoint e
        WHERE e.id = ANY (v_busy) AND e.disabled IS NULL AND e.rests_until <= t
          AND (EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 1 AND d.wake_at <= t)
            OR EXISTS (SELECT 1 FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 2 AND d.wake_at <= t))
        -- No key update: deliveries that are left meanwhile refer to the endpoint, and do not wait for this.
        FOR NO KEY UPDATE OF e SKIP LOCKED) x;
    IF v_locked IS NULL THEN
        RETURN;
    END IF;
    -- A statement of its own: it sees what was claimed before the locks were had.
    RETURN QUERY
    UPDATE webhook_delivery d SET state = 2, attempts = d.attempts + 1, wake_at = t + p_lease
    FROM (
        SELECT w.endpoint_id, w.sequence
        FROM unnest(v_locked) WITH ORDINALITY AS u (id, place) JOIN webhook_endpoint e ON e.id = u.id
        CROSS JOIN LATERAL (
            SELECT count(*)::integer AS n FROM (
                SELECT 1 FROM webhook_delivery o WHERE o.endpoint_id = e.id AND o.state = 2 AND o.wake_at > t LIMIT 50) x
        ) under_way
        CROSS JOIN LATERAL (
            SELECT q.endpoint_id, q.sequence FROM (
                (SELECT a.endpoint_id, a.sequence, a.wake_at FROM webhook_delivery a
                 WHERE a.endpoint_id = e.id AND a.state = 1 AND a.wake_at <= t ORDER BY a.wake_at, a.sequence LIMIT e.concurrency)
                UNION ALL
                (SELECT b.endpoint_id, b.sequence, b.wake_at FROM webhook_delivery b
                 WHERE b.endpoint_id = e.id AND b.state = 2 AND b.wake_at <= t ORDER BY b.wake_at LIMIT e.concurrency)
            ) q ORDER BY q.wake_at, q.sequence
            LIMIT greatest(0, CASE WHEN e.failures >= p_probe_after THEN 1 ELSE e.concurrency END - under_way.n)
        ) w
        ORDER BY u.place LIMIT p_limit
    ) due
    WHERE d.endpoint_id = due.endpoint_id AND d.sequence = due.sequence
    RETURNING d.endpoint_id, d.sequence, d.attempts;
END $$;
