-- All messages since :since (Unix seconds): what became of them, when the last outcome was recorded and the last webhook applied, and how
-- long they took from being accepted to the first POST. An id begins with the milliseconds at which the message was accepted.
SELECT * FROM (WITH run AS (
    SELECT m.state, m.delivery, m.reason, m.changed_at,
           m.attempt AS claims,
           extract(epoch FROM p.at
               - to_timestamp(('x' || translate(left(m.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0)) * 1000 AS post_ms
    FROM message m
    LEFT JOIN (
        SELECT a.id, min(a.ended_at - make_interval(secs => a.post_ms / 1000.0)) AS at FROM attempt a
        WHERE a.id >= uuid_floor(to_timestamp(:since)) GROUP BY a.id
    ) p ON p.id = m.id
    WHERE m.id >= uuid_floor(to_timestamp(:since))
)
SELECT count(*) AS messages,
       count(*) FILTER (WHERE state = 50) AS accepted,
       count(*) FILTER (WHERE state = 50 AND delivery >= 4) AS read,
       coalesce(sum(claims), 0) AS claims,
       extract(epoch FROM max(changed_at)) AS last_recorded_at,
       (SELECT extract(epoch FROM max(applied_at)) FROM webhook_inbox) AS last_applied_at,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY post_ms) AS post_p50_ms,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY post_ms) AS post_p90_ms,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY post_ms) AS post_p99_ms,
       max(post_ms) AS post_most_ms,
       (SELECT coalesce(jsonb_agg(o), '[]') FROM (
            SELECT state, reason, count(*) AS messages FROM run WHERE state <> 50 GROUP BY state, reason ORDER BY 3 DESC LIMIT 10) o) AS others
FROM run) figures
