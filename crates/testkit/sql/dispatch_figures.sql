-- How many scheduled rows were released, and how long single messages (which have no scheduled_at) took from being accepted to their POST.
SELECT * FROM (SELECT
    (SELECT count(*) FROM message m WHERE m.lane = 1 AND m.state <> 10) AS released,
    (SELECT count(*) FROM message m WHERE m.lane = 1 AND m.state <> 10 AND m.changed_at < m.scheduled_at) AS early,
    (SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY s.post_ms) FROM (
        SELECT extract(epoch FROM min(a.ended_at - make_interval(secs => a.post_ms / 1000.0))
                   - to_timestamp(('x' || translate(left(m.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0)) * 1000 AS post_ms
        FROM message m JOIN attempt a ON a.id = m.id WHERE m.lane = 0 GROUP BY m.id) s)::double precision AS single_p99_ms,
    (SELECT count(*) FROM message m WHERE m.lane = 0 AND m.attempt > 0) AS singles
) figures
