-- Looks at $2 broadcasts at most, in the order of their ids behind $1, and completes those of which no row waits or is under way. Says
-- how many that were, and the last it looked at; null when there are no more.
-- Rows end in their order, mostly, so the last one is looked at first. A flow that somebody else has locked is looked at again later.
WITH looked AS MATERIALIZED (
    SELECT f.id, f.created_at FROM flow f
    WHERE f.kind = 'broadcast' AND f.completed_at IS NULL AND (NOT f.has_work OR f.status = 'canceled') AND f.id > $1
    ORDER BY f.id LIMIT $2
), over AS MATERIALIZED (
    SELECT l.id FROM looked l
    WHERE (SELECT m.id FROM message m
           WHERE m.flow_id = l.id AND m.id >= uuid_floor(l.created_at - interval '1 h') AND m.state < 50
           ORDER BY m.seq DESC LIMIT 1) IS NULL
), locked AS MATERIALIZED (
    SELECT f.id FROM flow f JOIN over o ON o.id = f.id WHERE f.completed_at IS NULL FOR NO KEY UPDATE OF f SKIP LOCKED
), completed AS (
    UPDATE flow f SET completed_at = turnpike_now() FROM locked o WHERE f.id = o.id RETURNING f.id
)
SELECT (SELECT count(*) FROM completed) AS completed,
       (SELECT l.id FROM looked l ORDER BY l.id DESC LIMIT 1) AS last,
       (SELECT count(*) FROM looked) AS looked
