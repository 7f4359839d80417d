-- Who waits for a place in a messaging limit is found at once, not among everything that is parked.
--
-- Each claim that is given back wakes who could have its place, with the scope locked. That looked through all parked rows of the scope's
-- numbers: with 120,000 scheduled ones on 50 numbers a second for each such batch, in which nothing of the scope was admitted, replies
-- included (measured with `cargo xtask bench dispatch`: from accept to claim a p99 of a second).

SET LOCAL lock_timeout = '2s';

CREATE INDEX message_by_limit ON ONLY message (number_id, wake_at) WHERE state = 10 AND reason = 'tier_limit';
-- As in V0015: partitions with rows go without it, until they go with retention.
DO $$
DECLARE
    v_table regclass;
    v_empty boolean;
    v_name  text;
BEGIN
    FOR v_table IN SELECT i.inhrelid::regclass FROM pg_inherits i WHERE i.inhparent = 'message'::regclass LOOP
        EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', v_table) INTO v_empty;
        CONTINUE WHEN NOT v_empty;
        v_name := (SELECT c.relname FROM pg_class c WHERE c.oid = v_table) || '_by_limit';
        EXECUTE format('CREATE INDEX %I ON %s (number_id, wake_at) WHERE state = 10 AND reason = ''tier_limit''', v_name, v_table);
        EXECUTE format('ALTER INDEX message_by_limit ATTACH PARTITION %I', v_name);
    END LOOP;
END $$;

-- Lets up to p_limit messages try again that wait for a place in this scope, those first that would be next; says how many.
CREATE OR REPLACE FUNCTION wake_tier_limited(p_scope_id bigint, p_limit integer) RETURNS integer LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    t       timestamptz := turnpike_now();
    v_floor uuid := (SELECT l.id FROM live_floor l);
    v_woken integer;
BEGIN
    WITH waiting AS (
        SELECT m.id FROM sender_number n JOIN message m ON m.number_id = n.id
        WHERE n.scope_id = p_scope_id AND m.state = 10 AND m.wake_at > t AND m.reason = 'tier_limit' AND m.id >= v_floor
        ORDER BY m.wake_at LIMIT p_limit FOR UPDATE OF m SKIP LOCKED
    )
    UPDATE message m SET wake_at = t FROM waiting WHERE m.id = waiting.id AND m.id >= v_floor;
    GET DIAGNOSTICS v_woken = ROW_COUNT;
    RETURN v_woken;
END $$;
