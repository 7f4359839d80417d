-- Fairness, between organizations and within a number.
--
-- A number belongs to one organization, so what organizations share is a pass: the rows that it moves, and with them the broker and the
-- senders. Rows of flows are given out by weighted round robin, a few at a time: first the first rows of every organization, then the
-- second ones, and so on, an organization of weight 2 twice as often. So fifty small broadcasts do not wait for a campaign on a thousand
-- numbers.
--
-- Within a number, the flow that had least goes first: the first 256 rows of a flow, which is as many as a broadcast has, take up to
-- seven eighths of the room before longer ones share the rest. So a broadcast behind a campaign takes hardly longer than alone, and a
-- stream of broadcasts still leaves the campaign its eighth. (Shared evenly, it took twice as long, and the work that is with the broker
-- already came on top.)

SET LOCAL lock_timeout = '2s';

ALTER TABLE organization ADD COLUMN dispatch_weight integer NOT NULL DEFAULT 1 CHECK (dispatch_weight BETWEEN 1 AND 100);

-- A second of work with the broker instead of one and a half (domain::pace::depth): what comes next waits that long in any case.
UPDATE number_dispatch d SET depth = greatest(n.throughput, 8) FROM sender_number n WHERE n.id = d.number_id;

-- The next rows of the flows of these numbers, by moving the flows' cursors. What a short flow leaves of its share is given out in the
-- next pass.
CREATE OR REPLACE FUNCTION release_in_turn(p_numbers bigint[], p_rooms integer[], p_limit integer, t timestamptz)
RETURNS SETOF uuid LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    -- Rounds by lot: where there is room for one row a pass, all get theirs in time.
    v_lot double precision := random();
BEGIN
    RETURN QUERY
    WITH waiting AS (
        SELECT f.id, f.organization_id, u.number_id, u.room, f.last_seq - f.released_seq AS rest, f.released_seq < 256 AS young,
               row_number() OVER (PARTITION BY u.number_id, f.released_seq < 256 ORDER BY f.served_at, f.id) AS turn,
               count(*) OVER (PARTITION BY u.number_id, f.released_seq < 256) AS flows,
               count(*) OVER (PARTITION BY u.number_id) AS all_flows
        FROM unnest(p_numbers, p_rooms) AS u (number_id, room)
        JOIN flow f ON f.number_id = u.number_id AND f.has_work AND f.status = 'running' AND f.starts_at <= t
        WHERE u.room > 0
    ), young AS (
        -- Rounded up, and so not for everybody when room is short: those who get nothing are first in the next pass.
        SELECT w.id, w.organization_id, w.number_id, w.turn,
               least(w.rest, (s.room + w.flows - 1) / w.flows,
                     greatest(0, s.room - (w.turn - 1) * ((s.room + w.flows - 1) / w.flows))) AS rows
        FROM waiting w CROSS JOIN LATERAL (
            SELECT CASE WHEN w.all_flows > w.flows THEN least(w.room, floor(w.room * 0.875 + v_lot)::integer) ELSE w.room END AS room
        ) s WHERE w.young
    ), old AS (
        SELECT w.id, w.organization_id, w.number_id, w.turn,
               least(w.rest, (s.room + w.flows - 1) / w.flows,
                     greatest(0, s.room - (w.turn - 1) * ((s.room + w.flows - 1) / w.flows))) AS rows
        FROM waiting w CROSS JOIN LATERAL (
            SELECT w.room - coalesce((SELECT sum(y.rows) FROM young y WHERE y.number_id = w.number_id), 0)::integer AS room
        ) s WHERE NOT w.young
    ), share AS (
        SELECT y.* FROM young y WHERE y.rows > 0 UNION ALL SELECT o.* FROM old o WHERE o.rows > 0
    ), slice AS (
        -- As many as fit into one job.
        SELECT s.id, s.turn, least(40, s.rows - k * 40) AS rows,
               row_number() OVER (PARTITION BY s.organization_id ORDER BY k, s.turn, s.number_id, s.id)::double precision / o.dispatch_weight AS place
        FROM share s JOIN organization o ON o.id = s.organization_id CROSS JOIN LATERAL generate_series(0, (s.rows - 1) / 40) AS k
    ), given AS (
        SELECT s.id, s.turn, s.place, s.rows, sum(s.rows) OVER (ORDER BY s.place, s.id, s.turn) AS upto FROM slice s
    ), within AS (
        SELECT g.id, min(g.turn) AS turn, min(g.place) AS place, sum(least(g.rows, p_limit - g.upto + g.rows))::integer AS rows
        FROM given g WHERE g.upto - g.rows < p_limit GROUP BY g.id
    ), moved AS (
        -- A flow that is being paused or canceled right now is waited for, and then not moved. The microseconds turn the order
        -- around among those served together, so that nobody is always the first.
        UPDATE flow f SET released_seq = f.released_seq + w.rows, served_at = t - w.turn * interval '1 us'
        FROM within w WHERE f.id = w.id AND w.rows > 0 AND f.has_work AND f.status = 'running'
        -- Rows are made with their flow or after it; an hour for clocks that differ.
        RETURNING f.id, uuid_floor(f.created_at - interval '1 h') AS floor, f.released_seq - w.rows AS since, f.released_seq AS until, w.place
    )
    SELECT r.id FROM moved v CROSS JOIN LATERAL (
        SELECT m.id, m.seq FROM message m
        WHERE m.flow_id = v.id AND m.seq > v.since AND m.seq <= v.until AND m.state = 10 AND m.wake_at IS NULL
          AND m.id >= v.floor
    ) r ORDER BY v.place + (r.seq - v.since - 1) / 40, r.seq;
END $$;
