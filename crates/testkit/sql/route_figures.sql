-- Per route (metadata.route of the message): what became of its messages, and how long it took from being accepted (or due) to the
-- POST and to the delivery report. An id begins with the milliseconds at which the message was accepted.
SELECT c.metadata ->> 'route' AS route,
       count(*) AS messages,
       count(*) FILTER (WHERE m.state = 50) AS accepted,
       count(*) FILTER (WHERE m.state = 50 AND m.delivery >= 1) AS sent,
       count(*) FILTER (WHERE m.state = 50 AND m.delivery >= 3) AS delivered,
       count(*) FILTER (WHERE m.state = 50 AND m.delivery >= 4) AS read,
       count(*) FILTER (WHERE m.state > 50) AS failed,
       coalesce(array_to_json(array_agg(DISTINCT m.reason) FILTER (WHERE m.state > 50)), '[]') AS reasons,
       extract(epoch FROM min(accepted.at)) AS first_at,
       extract(epoch FROM max(post.at)) AS last_post_at,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM post.at - accepted.at) * 1000) AS post_p50_ms,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM post.at - accepted.at) * 1000) AS post_p99_ms,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM delivery.at - accepted.at) * 1000) AS delivered_p50_ms,
       percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM delivery.at - accepted.at) * 1000) AS delivered_p99_ms
FROM message m
JOIN message_content c ON c.id = m.id
CROSS JOIN LATERAL (
    SELECT greatest(to_timestamp(('x' || translate(left(m.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0), m.scheduled_at) AS at
) accepted
LEFT JOIN LATERAL (SELECT a.ended_at - make_interval(secs => a.post_ms / 1000.0) AS at FROM attempt a WHERE a.id = m.id AND a.attempt = 1) post ON true
LEFT JOIN LATERAL (SELECT min(e.received_at) AS at FROM status_event e WHERE e.id = m.id AND e.status IN ('delivered', 'read')) delivery ON true
GROUP BY 1 ORDER BY min(m.id::text)
