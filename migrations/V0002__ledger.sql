-- The ledger: every message, what it says, each attempt and each event of its delivery.
--
-- Partitioned by day of creation. A UUIDv7 begins with milliseconds, so the id itself is the range key and every look-up by id
-- touches one partition. Retention drops partitions; rows are never deleted one by one.

-- The smallest UUIDv7 of an instant: a bound between partitions.
CREATE FUNCTION uuid_floor(p_at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM p_at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- A flow: the rows of one broadcast or campaign on one sender number, in order of seq. The unit of fairness, pause, cancel and
-- progress. Rows up to released_seq were released; the rest wait for the cursor to come by and carry no alarm of their own.
CREATE TABLE flow (
    id              uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('broadcast', 'campaign')),
    organization_id bigint NOT NULL REFERENCES organization,
    number_id       bigint NOT NULL REFERENCES sender_number,
    status          text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'paused', 'canceled')),
    starts_at       timestamptz NOT NULL,      -- rows are released from then on
    last_seq        integer NOT NULL,
    released_seq    integer NOT NULL DEFAULT 0,
    served_at       timestamptz NOT NULL DEFAULT '-infinity', -- the flow that waited longest is served first
    created_at      timestamptz NOT NULL,
    -- Rows wait for the cursor. A column, so that the index below does not see the cursor move: those updates stay in place.
    has_work        boolean NOT NULL GENERATED ALWAYS AS (released_seq < last_seq) STORED
) WITH (fillfactor = 50);
-- Flows that still have rows to release, the oldest first.
CREATE INDEX flow_with_work ON flow (number_id, starts_at) WHERE has_work AND status = 'running';
-- Makes status part of a key, and so an update of it needs the row for itself (FOR UPDATE), while moving the cursor does not
-- (FOR NO KEY UPDATE). Admission locks FOR KEY SHARE: pause and cancel wait for it, and it never waits for the scheduler.
CREATE UNIQUE INDEX flow_status_is_key ON flow (id, status);

CREATE TABLE message (
    id              uuid NOT NULL,
    organization_id bigint NOT NULL,
    number_id       bigint NOT NULL,
    scope_id        bigint NOT NULL,
    recipient       text NOT NULL COLLATE "C",  -- E.164 with the +
    lane            smallint NOT NULL,          -- domain::Lane
    category        smallint NOT NULL,          -- domain::Category; 0 is a session message
    template_id     bigint,
    flow_id         uuid,
    seq             integer,                    -- place in the flow, from 1
    scheduled_at    timestamptz,
    expires_at      timestamptz NOT NULL,
    resend          boolean NOT NULL DEFAULT false, -- on_uncertain: resend
    price           bigint CHECK (price > 0),   -- in millionths (V0007); null is free

    -- What changes. state and delivery are in no index but the alarm's, which moves with them anyway.
    state           smallint NOT NULL,          -- domain::State
    wake_at         timestamptz,                -- the alarm: when somebody must look at this row again
    attempt         integer NOT NULL DEFAULT 0, -- the fence: grows with every claim, never goes back
    failures        integer NOT NULL DEFAULT 0, -- refused attempts that count against the retry budget
    rings           integer NOT NULL DEFAULT 0, -- jobs published for this row since it was last queued, minus one
    crashes         smallint NOT NULL DEFAULT 0, -- deaths of a sender that was working on it; several, and it is set aside
    claim           uuid,                       -- of the admission that holds it; tells a commit in doubt from none
    claimed_at      timestamptz,                -- when the current attempt was committed
    reason          text,                       -- domain::Reason
    delivery        smallint NOT NULL DEFAULT 0, -- domain::Delivery
    wamid           text,
    changed_at      timestamptz NOT NULL,       -- of the last change of state

    -- Nothing can be forgotten: what is not final has an alarm, or a flow whose cursor will come by.
    CONSTRAINT message_is_not_forgotten CHECK (state >= 50 OR wake_at IS NOT NULL OR (state = 10 AND flow_id IS NOT NULL))
) PARTITION BY RANGE (id);

CREATE TABLE message_content (
    id          uuid NOT NULL,
    content     text NOT NULL,  -- {"type": …, "<type>": …} as Meta takes it; text, because nothing looks inside
    metadata    jsonb,          -- the caller's own
    webhook_url text
) PARTITION BY RANGE (id);

-- One row per POST that ended, however it ended. Append-only.
CREATE TABLE attempt (
    id          uuid NOT NULL,     -- the message
    attempt     integer NOT NULL,
    claim       uuid NOT NULL,
    slot        timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL,
    post_ms     integer NOT NULL,  -- from the slot's POST to its outcome
    outcome     text NOT NULL,     -- accepted, rejected, unknown
    http_status smallint,
    error       jsonb
) PARTITION BY RANGE (id);

-- Every status webhook, kept even when the view (message.delivery) does not change. Append-only, repeated events are one row.
CREATE TABLE status_event (
    id          uuid NOT NULL,     -- the message
    status      text NOT NULL,     -- Meta's word
    at          timestamptz NOT NULL,
    attempt     integer NOT NULL,  -- from the callback string
    received_at timestamptz NOT NULL,
    errors      jsonb,
    pricing     jsonb
) PARTITION BY RANGE (id);

-- The safety net: if partitions could not be made ahead, messages land here rather than nowhere.
CREATE TABLE message_default PARTITION OF message DEFAULT;
CREATE TABLE message_content_default PARTITION OF message_content DEFAULT;
CREATE TABLE attempt_default PARTITION OF attempt DEFAULT;
CREATE TABLE status_event_default PARTITION OF status_event DEFAULT;

ALTER TABLE message ADD PRIMARY KEY (id);
ALTER TABLE message_content ADD PRIMARY KEY (id);
ALTER TABLE attempt ADD PRIMARY KEY (id, attempt);
ALTER TABLE status_event ADD PRIMARY KEY (id, status, at);

-- The alarm. One index answers: what is due on this number, how much of this number is with the broker, whose lease ran out.
CREATE INDEX message_alarm ON message (number_id, state, lane, wake_at) WHERE wake_at IS NOT NULL;
-- A flow's rows in order. These columns never change, so the index costs an insert and nothing more.
CREATE INDEX message_of_flow ON message (flow_id, seq) WHERE flow_id IS NOT NULL;
-- Lists: newest first within an organization.
CREATE INDEX message_of_organization ON message (organization_id, id);

-- Makes the partitions of the days from p_from to p_to where they are missing. Returns how many tables it made.
CREATE FUNCTION ensure_partitions(p_from date, p_to date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    v_day   date;
    v_table text;
    v_name  text;
    v_made  integer := 0;
BEGIN
    -- One at a time: two schedulers would otherwise both find the table missing.
    PERFORM pg_advisory_xact_lock(hashtext('turnpike.partitions'));
    -- A new partition locks the whole table for a moment. It must not wait long for that, because everybody else would then wait
    -- behind it; whoever asked asks again.
    PERFORM set_config('lock_timeout', '2s', true);
    FOR v_day IN SELECT generate_series(p_from, p_to, interval '1 day')::date LOOP
        FOREACH v_table IN ARRAY ARRAY['message', 'message_content', 'attempt', 'status_event'] LOOP
            v_name := v_table || '_' || to_char(v_day, 'YYYYMMDD');
            IF to_regclass(v_name) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)', v_name, v_table,
                        uuid_floor(v_day::timestamp AT TIME ZONE 'UTC'), uuid_floor((v_day + 1)::timestamp AT TIME ZONE 'UTC'));
                EXCEPTION WHEN check_violation THEN
                    -- Rows of that day are in the default partition already. They are safe there, and the days to come matter more.
                    RAISE WARNING 'rows of % are in %_default, so it gets no partition of its own', v_day, v_table;
                    CONTINUE;
                END;
                IF v_table = 'message' THEN
                    -- Room for a few updates in place, and statistics that keep up with a table that grows by the second.
                    EXECUTE format('ALTER TABLE %I SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.02)', v_name);
                END IF;
                v_made := v_made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN v_made;
END $$;

-- Answers to requests that carried an idempotency key, kept for a day at least.
CREATE TABLE idempotency (
    organization_id bigint NOT NULL,
    key             text NOT NULL,
    request_hash    bytea NOT NULL,
    status          smallint NOT NULL,
    answer          text NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
