-- How many scheduled rows were released, and how long single messages (which have no scheduled_at) took from being accepted to their claim
-- and to their POST.
SELECT * FROM (
    WITH single AS (
        SELECT extract(epoch FROM m.claimed_at - a.accepted_at) * 1000 AS claimed_ms,
               extract(epoch FROM a.posted_at - a.accepted_at) * 1000 AS post_ms
        FROM message m CROSS JOIN LATERAL (
            SELECT min(a.ended_at - make_interval(secs => a.post_ms / 1000.0)) AS posted_at,
                   to_timestamp(('x' || translate(left(m.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0) AS accepted_at
            FROM attempt a WHERE a.id = m.id
        ) a WHERE m.lane = 0 AND a.posted_at IS NOT NULL
    )
    SELECT (SELECT count(*) FROM message m WHERE m.lane = 1 AND m.state <> 10) AS released,
           (SELECT count(*) FROM message m WHERE m.lane = 1 AND m.state <> 10 AND m.changed_at < m.scheduled_at) AS early,
           (SELECT count(*) FROM message m WHERE m.lane = 0 AND m.attempt > 0) AS singles,
           percentile_disc(0.99) WITHIN GROUP (ORDER BY s.claimed_ms)::double precision AS single_claimed_p99_ms,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY s.post_ms)::double precision AS single_p50_ms,
           percentile_disc(0.99) WITHIN GROUP (ORDER BY s.post_ms)::double precision AS single_p99_ms
    FROM single s
) figures
