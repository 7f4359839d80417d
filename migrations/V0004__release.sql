-- Release: what is due goes to the broker, a second or two of work per number, the rest stays here.

-- Parked rows of one number and lane whose time has come: queued, or expired when they come too late.
CREATE FUNCTION release_due(p_number_id bigint, p_lane smallint, p_limit integer, t timestamptz, p_ring_after interval)
RETURNS SETOF uuid LANGUAGE sql VOLATILE AS $$
    WITH due AS (
        SELECT m.id, m.wake_at AS due_at FROM message m
        WHERE m.number_id = p_number_id AND m.state = 10 AND m.lane = p_lane AND m.wake_at <= t
        ORDER BY m.wake_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE message m SET
            state = CASE WHEN m.expires_at <= t THEN 61 ELSE 20 END,
            reason = CASE WHEN m.expires_at <= t THEN 'expired' END,
            wake_at = CASE WHEN m.expires_at <= t THEN NULL ELSE t + p_ring_after END,
            rings = 0, changed_at = t
        FROM due WHERE m.id = due.id
        RETURNING m.id, m.state, due.due_at
    )
    SELECT moved.id FROM moved WHERE moved.state = 20 ORDER BY moved.due_at, moved.id
$$;

-- The next rows of every number that has room, moved from parked to queued. Their jobs are published after the commit; should that
-- publish be lost, the alarm set here finds them again. Two schedulers share the numbers (SKIP LOCKED) and release each row once.
--
-- Per number: single messages first, with a depth of their own, so that bulk rows with the broker never hold a reply back; then
-- deferred bulk rows; then flows in turn, the one that waited longest first, by moving their cursors.
CREATE FUNCTION release(
    p_ring_after interval   -- how long a queued row may be silent before its job is published again
) RETURNS TABLE (o_id uuid, o_number_id bigint, o_lane smallint, o_throughput integer) LANGUAGE plpgsql AS $$
DECLARE
    t        timestamptz := turnpike_now();
    v_number record;
    v_flow   record;
    v_credit integer;
    v_rt     integer;
    v_flows  integer;
    v_share  integer;
    v_until  integer;
BEGIN
    FOR v_number IN
        SELECT d.number_id, d.depth, n.throughput FROM number_dispatch d
        JOIN sender_number n ON n.id = d.number_id JOIN number_gate g ON g.number_id = d.number_id
        WHERE g.paused_until <= t
          AND (EXISTS (SELECT 1 FROM message m WHERE m.number_id = d.number_id AND m.state = 10 AND m.lane = 0 AND m.wake_at <= t)
            OR EXISTS (SELECT 1 FROM message m WHERE m.number_id = d.number_id AND m.state = 10 AND m.lane = 1 AND m.wake_at <= t)
            OR EXISTS (SELECT 1 FROM flow f WHERE f.number_id = d.number_id AND f.released_seq < f.last_seq AND f.status = 'running' AND f.starts_at <= t))
        ORDER BY d.number_id FOR UPDATE OF d SKIP LOCKED
    LOOP
        SELECT v_number.depth - count(*) INTO v_rt FROM (
            SELECT 1 FROM message m WHERE m.number_id = v_number.number_id AND m.state = 20 AND m.lane = 0 AND m.wake_at IS NOT NULL
            LIMIT v_number.depth) q;
        IF v_rt > 0 THEN
            RETURN QUERY SELECT r.id, v_number.number_id, 0::smallint, v_number.throughput
                FROM release_due(v_number.number_id, 0::smallint, v_rt, t, p_ring_after) AS r (id);
        END IF;

        SELECT v_number.depth - count(*) INTO v_credit FROM (
            SELECT 1 FROM message m WHERE m.number_id = v_number.number_id AND m.state = 20 AND m.wake_at IS NOT NULL
            LIMIT v_number.depth) q;
        CONTINUE WHEN v_credit <= 0;
        RETURN QUERY SELECT r.id, v_number.number_id, 1::smallint, v_number.throughput
            FROM release_due(v_number.number_id, 1::smallint, v_credit, t, p_ring_after) AS r (id);
        SELECT v_number.depth - count(*) INTO v_credit FROM (
            SELECT 1 FROM message m WHERE m.number_id = v_number.number_id AND m.state = 20 AND m.wake_at IS NOT NULL
            LIMIT v_number.depth) q;

        SELECT count(*) INTO v_flows FROM flow f
            WHERE f.number_id = v_number.number_id AND f.released_seq < f.last_seq AND f.status = 'running' AND f.starts_at <= t;
        FOR v_flow IN
            SELECT f.id, f.released_seq, f.last_seq FROM flow f
            WHERE f.number_id = v_number.number_id AND f.released_seq < f.last_seq AND f.status = 'running' AND f.starts_at <= t
            ORDER BY f.served_at, f.id FOR NO KEY UPDATE SKIP LOCKED
        LOOP
            EXIT WHEN v_credit <= 0;
            v_share := least(v_credit, greatest(1, v_credit / greatest(v_flows, 1)), v_flow.last_seq - v_flow.released_seq);
            v_until := v_flow.released_seq + v_share;
            UPDATE flow f SET released_seq = v_until, served_at = t WHERE f.id = v_flow.id;
            RETURN QUERY
            WITH moved AS (
                UPDATE message m SET
                    state = CASE WHEN m.expires_at <= t THEN 61 ELSE 20 END,
                    reason = CASE WHEN m.expires_at <= t THEN 'expired' END,
                    wake_at = CASE WHEN m.expires_at <= t THEN NULL ELSE t + p_ring_after END,
                    rings = 0, changed_at = t
                WHERE m.flow_id = v_flow.id AND m.seq > v_flow.released_seq AND m.seq <= v_until AND m.state = 10 AND m.wake_at IS NULL
                RETURNING m.id, m.seq, m.state
            )
            SELECT moved.id, v_number.number_id, 1::smallint, v_number.throughput FROM moved WHERE moved.state = 20 ORDER BY moved.seq;
            v_credit := v_credit - v_share;
            v_flows := v_flows - 1;
        END LOOP;
    END LOOP;
END $$;
