-- A broadcast of which nothing waits any more, nor is under way, is completed, and that is an event like every other change.
--
-- The messages of a broadcast end in many transactions at once, none of which sees the others, and a counter that all of them moved
-- would make them wait for each other. So the scheduler looks (flows/complete.sql), a second later, at what is released as a whole:
-- the row of the flow changes once, and its event is noted in that transaction. Whatever ended a message was committed before, so its
-- events have smaller numbers.

SET LOCAL lock_timeout = '2s';

-- Broadcasts from before this are of no interest: nobody was promised to hear of their end, and they are too many to look at.
ALTER TABLE flow ADD COLUMN completed_at timestamptz DEFAULT '-infinity';
ALTER TABLE flow ALTER COLUMN completed_at DROP DEFAULT;

-- What may be completed. has_work is in a predicate already (V0002), so the cursor's updates stay in place as before.
CREATE INDEX flow_to_complete ON flow (id) WHERE kind = 'broadcast' AND completed_at IS NULL AND (NOT has_work OR status = 'canceled');

-- With the count of each status at the end, as GET /api/v1/broadcasts/{id} has it.
CREATE FUNCTION note_completed_flow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_event(NEW.organization_id, 'broadcast.completed',
        jsonb_build_object('broadcast_id', NEW.id, 'status', CASE NEW.status WHEN 'canceled' THEN 'canceled' ELSE 'completed' END,
            'total', NEW.last_seq,
            'from', (SELECT n.phone FROM sender_number n WHERE n.id = NEW.number_id),
            'counts', (
                SELECT coalesce(jsonb_object_agg(c.status, c.rows), '{}') FROM (
                    SELECT public_status(m.state, m.delivery, m.scheduled_at, m.changed_at) AS status, count(*) AS rows
                    FROM message m WHERE m.flow_id = NEW.id AND m.id >= uuid_floor(NEW.created_at - interval '1 h') GROUP BY 1) c)),
        NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER flow_is_completed AFTER UPDATE OF completed_at ON flow FOR EACH ROW
    WHEN (NEW.kind = 'broadcast' AND OLD.completed_at IS NULL AND NEW.completed_at IS NOT NULL) EXECUTE FUNCTION note_completed_flow();
