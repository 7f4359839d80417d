-- Campaigns: one plan for up to a million recipients, in any number of flows.
--
-- A recipient is a line in a list until shortly before it goes. The scheduler then fills it into the ledger: as messages of a flow, a
-- few seconds of the number's pace ahead of the flow's cursor, and no more than the messaging limit and the ramp allow. So a campaign
-- for next year takes no room among the messages and keeps no partition of them alive; its opt-outs, prices and templates are those of
-- the day it goes; and what was not filled when it is canceled was never sent, without a row to be looked at.
--
-- Lock order: campaign, part (sorted), then what V0003 says. Filling locks a part and holds it to the commit; pause and cancel close
-- the parts first, and so wait for it.

SET LOCAL lock_timeout = '2s';

-- Meta's rating of the number, as far as it told: RED is flagged.
ALTER TABLE sender_number ADD COLUMN quality text;

CREATE TABLE campaign (
    id              uuid PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organization,
    name            text NOT NULL,
    status          text NOT NULL DEFAULT 'draft'
                    CHECK (status IN ('draft', 'adding', 'scheduled', 'running', 'paused', 'done', 'canceled')),
    options         jsonb NOT NULL,               -- domain::campaign::Options
    retry_of        uuid REFERENCES campaign,     -- it goes to those whom this one failed to reach
    audience        integer NOT NULL DEFAULT 0 CHECK (audience >= 0), -- invariant: the sum of its parts' audiences
    duplicates      integer NOT NULL DEFAULT 0,   -- lines that named somebody again
    invalid         integer NOT NULL DEFAULT 0,   -- lines that were refused
    created_at      timestamptz NOT NULL,
    starts_at       timestamptz,                  -- of its first part; set at the start
    ended_at        timestamptz,
    -- Of the last pause: when, why (a stable code; null is an operator), and what was seen.
    paused_at       timestamptz,
    pause_code      text,
    pause_facts     text,
    ramp_from       timestamptz                   -- where the ramp begins; pauses do not count
) WITH (fillfactor = 70);
CREATE INDEX campaign_of_organization ON campaign (organization_id, id);
-- Campaigns that the scheduler looks after.
CREATE INDEX campaign_under_way ON campaign (id) WHERE status IN ('scheduled', 'running');

-- The recipients of a campaign that one sender number writes to at one time. Becomes a flow at the start.
CREATE TABLE campaign_part (
    campaign_id uuid NOT NULL REFERENCES campaign,
    part        smallint NOT NULL,
    number_id   bigint NOT NULL REFERENCES sender_number,
    zone        text,                             -- of the recipients, where their own clock decides
    audience    integer NOT NULL DEFAULT 0,
    flow_id     uuid,                             -- from the start on
    starts_at   timestamptz,
    filled      integer NOT NULL DEFAULT 0 CHECK (filled <= audience), -- recipients up to this place are messages
    is_open     boolean NOT NULL DEFAULT false,   -- the scheduler may fill it
    look_at     timestamptz NOT NULL DEFAULT '-infinity', -- nothing may be filled before then
    PRIMARY KEY (campaign_id, part)
) WITH (fillfactor = 50);
CREATE INDEX campaign_part_to_fill ON campaign_part (campaign_id) WHERE is_open;

-- What was added under a chunk's key: the same chunk again adds nothing and gets the same answer.
CREATE TABLE campaign_chunk (
    campaign_id uuid NOT NULL REFERENCES campaign,
    key         text NOT NULL,
    hash        bytea NOT NULL,
    answer      text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (campaign_id, key)
);

-- Partitioned by the day of the campaign's creation, which its id begins with, so that retention can drop it. Nobody is in a campaign
-- twice: the primary key sees to that, whoever adds what at the same time.
CREATE TABLE campaign_recipient (
    campaign_id uuid NOT NULL,
    recipient   text NOT NULL COLLATE "C",
    part        smallint NOT NULL,
    seq         integer NOT NULL,                 -- place in the part, from 1 without gaps; the message's seq later
    params      text,                             -- JSON; replaces the variant's as a whole
    metadata    text,                             -- JSON
    PRIMARY KEY (campaign_id, recipient)
) PARTITION BY RANGE (campaign_id);
CREATE UNIQUE INDEX campaign_recipient_in_order ON campaign_recipient (campaign_id, part, seq);
CREATE TABLE campaign_recipient_default PARTITION OF campaign_recipient DEFAULT;

-- Makes the partitions of the days from p_from to p_to where they are missing. Returns how many tables it made.
CREATE OR REPLACE FUNCTION ensure_partitions(p_from date, p_to date) RETURNS integer LANGUAGE plpgsql AS $$
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
        FOREACH v_table IN ARRAY ARRAY['message', 'message_content', 'attempt', 'status_event', 'campaign_recipient'] LOOP
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

-- Drops the lists of days before p_before whose campaigns are all over, at most p_days of them; says which days went. The campaigns
-- themselves stay: they are few.
CREATE FUNCTION drop_recipient_lists(p_before date, p_days integer) RETURNS SETOF date LANGUAGE plpgsql AS $$
DECLARE
    v_day record;
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    PERFORM pg_advisory_xact_lock(hashtext('turnpike.partitions'));
    FOR v_day IN SELECT p.o_table, p.o_day FROM daily_partitions('campaign_recipient') p WHERE p.o_day < p_before LOOP
        EXIT WHEN p_days <= 0;
        CONTINUE WHEN EXISTS (
            SELECT 1 FROM campaign c
            WHERE c.id >= uuid_floor(v_day.o_day::timestamp AT TIME ZONE 'UTC')
              AND c.id < uuid_floor((v_day.o_day + 1)::timestamp AT TIME ZONE 'UTC') AND c.status NOT IN ('done', 'canceled'));
        EXECUTE format('DROP TABLE IF EXISTS %s', v_day.o_table);
        p_days := p_days - 1;
        RETURN NEXT v_day.o_day;
    END LOOP;
END $$;

-- How many of a scope's places are taken now, or will be by rows that wait for their admission: messages of flows outside an open
-- window, all of them counted as if they went to somebody new.
CREATE FUNCTION scope_taken(p_scope_id bigint) RETURNS bigint LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    t       timestamptz := turnpike_now();
    v_floor uuid := (SELECT l.id FROM live_floor l);
BEGIN
    RETURN (SELECT count(*) FROM limit_member e WHERE e.scope_id = p_scope_id AND e.expires_at > t)
        + (SELECT coalesce(sum(f.last_seq - f.released_seq), 0) FROM flow f JOIN sender_number n ON n.id = f.number_id
           WHERE n.scope_id = p_scope_id AND f.has_work AND f.status = 'running')
        + (SELECT count(*) FROM sender_number n JOIN message m ON m.number_id = n.id
           WHERE n.scope_id = p_scope_id AND m.state IN (10, 20) AND m.lane = 1 AND m.wake_at IS NOT NULL AND m.flow_id IS NOT NULL
             AND m.id >= v_floor);
END $$;

-- Events of campaigns, by a trigger like those of messages: no code path can forget one. The campaign stands in flow_id.
CREATE FUNCTION note_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (organization_id, size, at, kind, reason, flow_id, message_ids)
    VALUES (NEW.organization_id, 1, turnpike_now(),
            'campaign.' || CASE WHEN TG_OP = 'INSERT' THEN 'created'
                                WHEN OLD.status = 'paused' AND NEW.status IN ('running', 'scheduled') THEN 'resumed'
                                WHEN NEW.status = 'running' THEN 'started'
                                WHEN OLD.status = 'scheduled' AND NEW.status = 'scheduled' THEN 'rescheduled'
                                ELSE NEW.status END,
            CASE WHEN NEW.status = 'paused' THEN NEW.pause_code END, NEW.id, ARRAY[NEW.id]);
    RETURN NULL;
END $$;
CREATE TRIGGER campaign_is_new AFTER INSERT ON campaign FOR EACH ROW EXECUTE FUNCTION note_campaign();
CREATE TRIGGER campaign_has_changed AFTER UPDATE OF status, starts_at ON campaign FOR EACH ROW
    WHEN (NEW.status <> 'adding' AND (OLD.status <> NEW.status OR (NEW.status = 'scheduled' AND OLD.starts_at <> NEW.starts_at)))
    EXECUTE FUNCTION note_campaign();
