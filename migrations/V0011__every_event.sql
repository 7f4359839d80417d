-- Every change becomes an event, not only a message's: broadcasts, numbers, limits, accounts, templates, people's wish not to be written
-- to, and what people write. By triggers as before, so that no code path can forget one, in the transaction of the change.
--
-- domain::event has the list of kinds, with what each one says; a test provokes each and compares.

SET LOCAL lock_timeout = '2s';

-- What changed, as others are told, where it is not a message; such a row is one change and its message_ids are empty.
ALTER TABLE event ADD COLUMN data jsonb;
-- The caller asked to be told at an address of the message's own (message_content.webhook_url); null is no. On the message, so that
-- the trigger sees it, and nobody has to look for addresses among the millions of messages without one.
ALTER TABLE message ADD COLUMN calls_back boolean;
ALTER TABLE event ADD COLUMN calls_back boolean;

CREATE OR REPLACE FUNCTION note_new_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (organization_id, size, at, kind, reason, flow_id, message_ids, calls_back)
    SELECT n.organization_id, count(*), turnpike_now(), 'message.' || n.status, n.reason, n.flow_id, array_agg(n.id), n.calls_back
    FROM (
        SELECT a.id, a.organization_id, a.reason, a.flow_id, a.calls_back, row_number() OVER () AS place,
               public_status(a.state, a.delivery, a.scheduled_at, a.changed_at) AS status
        FROM after a
    ) n
    GROUP BY n.organization_id, n.status, n.reason, n.flow_id, n.calls_back, n.place / 500; -- no row grows beyond a few pages
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_changed_messages() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off SET enable_mergejoin = off SET enable_hashjoin = on AS $$
BEGIN
    INSERT INTO event (organization_id, size, at, kind, reason, flow_id, message_ids, calls_back)
    SELECT n.organization_id, count(*), turnpike_now(), 'message.' || n.status, n.reason, n.flow_id, array_agg(n.id), n.calls_back
    FROM (
        SELECT a.id, a.organization_id, a.reason, a.flow_id, a.calls_back, row_number() OVER () AS place,
               public_status(a.state, a.delivery, a.scheduled_at, a.changed_at) AS status
        FROM after a JOIN before b ON b.id = a.id
        WHERE (a.state <> b.state OR a.delivery <> b.delivery)
          AND public_status(a.state, a.delivery, a.scheduled_at, a.changed_at)
           <> public_status(b.state, b.delivery, b.scheduled_at, b.changed_at)
    ) n
    GROUP BY n.organization_id, n.status, n.reason, n.flow_id, n.calls_back, n.place / 500;
    RETURN NULL;
END $$;

-- Notes an event that is not a message's. In the transaction of the change, after it: whoever changes the same thing next waits for
-- this commit, so the events of one thing are numbered in their order.
CREATE FUNCTION note_event(p_organization_id bigint, p_kind text, p_data jsonb, p_flow_id uuid DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO event (organization_id, size, at, kind, flow_id, message_ids, data)
    VALUES (p_organization_id, 1, turnpike_now(), p_kind, p_flow_id, '{}', p_data)
$$;

-- Broadcasts ----------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION note_flow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event(NEW.organization_id,
        'broadcast.' || CASE WHEN TG_OP = 'INSERT' THEN 'created' WHEN NEW.status = 'running' THEN 'resumed' ELSE NEW.status END,
        jsonb_build_object('broadcast_id', NEW.id, 'status', NEW.status, 'total', NEW.last_seq, 'from', (
            SELECT n.phone FROM sender_number n WHERE n.id = NEW.number_id)),
        NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER flow_is_new AFTER INSERT ON flow FOR EACH ROW WHEN (NEW.kind = 'broadcast') EXECUTE FUNCTION note_flow();
-- The cursor moves with every release and is no news: only an update of status is looked at.
CREATE TRIGGER flow_has_changed AFTER UPDATE OF status ON flow FOR EACH ROW
    WHEN (NEW.kind = 'broadcast' AND NEW.status <> OLD.status) EXECUTE FUNCTION note_flow();

-- Campaigns (V0010) in the same form as all the others, and silent about what is only a step of their making.
CREATE OR REPLACE FUNCTION note_campaign() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status = 'draft' THEN
        RETURN NULL;
    END IF;
    PERFORM note_event(NEW.organization_id,
        'campaign.' || CASE WHEN TG_OP = 'INSERT' THEN 'created'
                            WHEN OLD.status = 'paused' AND NEW.status IN ('running', 'scheduled') THEN 'resumed'
                            WHEN NEW.status = 'running' THEN 'started'
                            WHEN OLD.status = 'scheduled' AND NEW.status = 'scheduled' THEN 'rescheduled'
                            ELSE NEW.status END,
        jsonb_build_object('campaign_id', NEW.id, 'name', NEW.name, 'status', NEW.status, 'audience', NEW.audience,
            'reason', CASE WHEN NEW.status = 'paused' THEN NEW.pause_code END,
            'starts_at', to_jsonb(NEW.starts_at AT TIME ZONE 'UTC') #>> '{}' || 'Z'),
        NEW.id);
    RETURN NULL;
END $$;

-- Sender numbers, their limits and accounts ---------------------------------------------------------------------------------------

CREATE FUNCTION note_number() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_data jsonb := jsonb_build_object('phone_number_id', NEW.phone_number_id, 'phone', NEW.phone, 'status', NEW.status, 'throughput', NEW.throughput);
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM note_event(NEW.organization_id, 'number.created', v_data);
        RETURN NULL;
    END IF;
    IF NEW.status <> OLD.status THEN
        PERFORM note_event(NEW.organization_id, 'number.status_changed', v_data || jsonb_build_object('before', OLD.status));
    END IF;
    IF NEW.throughput <> OLD.throughput THEN
        PERFORM note_event(NEW.organization_id, 'number.throughput_changed', v_data || jsonb_build_object('before', OLD.throughput));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER number_is_new AFTER INSERT ON sender_number FOR EACH ROW EXECUTE FUNCTION note_number();
CREATE TRIGGER number_has_changed AFTER UPDATE OF status, throughput ON sender_number FOR EACH ROW
    WHEN (NEW.status <> OLD.status OR NEW.throughput <> OLD.throughput) EXECUTE FUNCTION note_number();

-- Admission moves tat in this row with every batch; this looks only at updates that name the pause.
CREATE FUNCTION note_pause() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_paused boolean := NEW.paused_until > turnpike_now();
BEGIN
    -- From one pause in the past to another: nothing changed for anybody.
    IF NOT v_paused AND OLD.paused_until <= turnpike_now() THEN
        RETURN NULL;
    END IF;
    PERFORM note_event(n.organization_id, CASE WHEN v_paused THEN 'number.paused' ELSE 'number.resumed' END,
        jsonb_build_object('phone_number_id', n.phone_number_id, 'phone', n.phone)
        || CASE WHEN v_paused THEN jsonb_build_object(
               'until', CASE WHEN isfinite(NEW.paused_until) THEN to_jsonb(NEW.paused_until AT TIME ZONE 'UTC') #>> '{}' || 'Z' END,
               'reason', NEW.pause_reason) ELSE '{}' END)
    FROM sender_number n WHERE n.id = NEW.number_id;
    RETURN NULL;
END $$;
CREATE TRIGGER number_is_paused AFTER UPDATE OF paused_until ON number_gate FOR EACH ROW
    WHEN (NEW.paused_until <> OLD.paused_until) EXECUTE FUNCTION note_pause();

CREATE FUNCTION note_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event(w.organization_id, 'limit.changed',
        jsonb_build_object('scope', NEW.key, 'limit', NEW.max_members, 'before', OLD.max_members, 'used', NEW.members))
    FROM (SELECT DISTINCT a.organization_id FROM waba a WHERE a.scope_id = NEW.id ORDER BY 1) w;
    RETURN NULL;
END $$;
CREATE TRIGGER limit_has_changed AFTER UPDATE OF max_members ON limit_scope FOR EACH ROW
    WHEN (NEW.max_members IS DISTINCT FROM OLD.max_members) EXECUTE FUNCTION note_limit();

CREATE FUNCTION note_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event(NEW.organization_id, CASE WHEN NEW.restricted THEN 'account.restricted' ELSE 'account.unrestricted' END,
        jsonb_build_object('waba_id', NEW.meta_id, 'until', to_jsonb(NEW.restricted_until AT TIME ZONE 'UTC') #>> '{}' || 'Z'));
    RETURN NULL;
END $$;
CREATE TRIGGER account_has_changed AFTER UPDATE OF restricted, restricted_until ON waba FOR EACH ROW
    WHEN (NEW.restricted <> OLD.restricted OR NEW.restricted_until IS DISTINCT FROM OLD.restricted_until) EXECUTE FUNCTION note_account();

-- Templates -----------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION category_word(p_category smallint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE p_category WHEN 0 THEN 'SERVICE' WHEN 1 THEN 'UTILITY' WHEN 2 THEN 'AUTHENTICATION' ELSE 'MARKETING' END
$$;

CREATE FUNCTION note_template() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    t      template := coalesce(NEW, OLD);
    w      waba;
    v_data jsonb;
BEGIN
    SELECT a.* INTO w FROM waba a WHERE a.id = t.waba_id;
    v_data := jsonb_build_object('waba_id', w.meta_id, 'name', t.name, 'language', t.language, 'status', t.status,
        'category', category_word(t.category), 'quality', t.quality);
    IF TG_OP <> 'UPDATE' THEN
        PERFORM note_event(w.organization_id, CASE TG_OP WHEN 'INSERT' THEN 'template.created' ELSE 'template.deleted' END, v_data);
        RETURN NULL;
    END IF;
    IF NEW.components <> OLD.components OR NEW.parameter_format <> OLD.parameter_format THEN
        PERFORM note_event(w.organization_id, 'template.edited', v_data);
    END IF;
    IF NEW.category <> OLD.category THEN
        PERFORM note_event(w.organization_id, 'template.category_changed', v_data || jsonb_build_object('before', category_word(OLD.category)));
    END IF;
    IF NEW.quality IS DISTINCT FROM OLD.quality THEN
        PERFORM note_event(w.organization_id, 'template.quality_changed', v_data || jsonb_build_object('before', OLD.quality));
    END IF;
    IF NEW.status <> OLD.status THEN
        PERFORM note_event(w.organization_id, 'template.status_changed', v_data || jsonb_build_object('before', OLD.status));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER template_has_changed AFTER INSERT OR UPDATE OR DELETE ON template FOR EACH ROW EXECUTE FUNCTION note_template();

-- People --------------------------------------------------------------------------------------------------------------------------

-- By statement: a list of a hundred thousand people is one.
CREATE FUNCTION note_suppressed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (organization_id, size, at, kind, message_ids, data)
    SELECT a.organization_id, 1, turnpike_now(), 'contact.opted_out', '{}', jsonb_build_object('phone', a.recipient, 'source', a.source) FROM after a;
    RETURN NULL;
END $$;
CREATE TRIGGER suppression_is_new AFTER INSERT ON suppression REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_suppressed();

CREATE FUNCTION note_lifted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (organization_id, size, at, kind, message_ids, data)
    SELECT b.organization_id, 1, turnpike_now(), 'contact.opted_in', '{}', jsonb_build_object('phone', b.recipient, 'source', b.source) FROM before b;
    RETURN NULL;
END $$;
CREATE TRIGGER suppression_is_lifted AFTER DELETE ON suppression REFERENCING OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION note_lifted();

CREATE FUNCTION note_inbound() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (organization_id, size, at, kind, message_ids, data)
    SELECT n.organization_id, 1, turnpike_now(), 'inbound.received', '{}', jsonb_build_object(
        'wamid', a.wamid, 'from', a.recipient, 'to', n.phone, 'phone_number_id', n.phone_number_id, 'type', a.kind,
        'at', to_jsonb(a.at AT TIME ZONE 'UTC') #>> '{}' || 'Z', 'content', a.content)
    FROM after a JOIN sender_number n ON n.id = a.number_id
    ORDER BY a.at;
    RETURN NULL;
END $$;
CREATE TRIGGER inbound_is_new AFTER INSERT ON inbound_message REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION note_inbound();
