-- What is wrong, one row per check and subject: how many, and for how many seconds at least. Bounded, so that asking is cheap however
-- much there is: $1 rows are looked at per number and state. domain::ailment says what each check means.
WITH time AS MATERIALIZED (
    SELECT turnpike_now() AS t, (SELECT l.id FROM live_floor l) AS floor
), overdue AS (
    SELECT CASE a.state WHEN 10 THEN 'parked_overdue' WHEN 20 THEN 'queued_overdue' WHEN 30 THEN 'sending_overdue' ELSE 'uncertain_overdue' END AS check_name,
           'number ' || n.phone_number_id AS subject, count(*) AS n, max(extract(epoch FROM time.t - a.wake_at)) AS seconds
    FROM time CROSS JOIN sender_number n JOIN number_gate g ON g.number_id = n.id
    CROSS JOIN (VALUES (10, interval '2 min'), (20, interval '5 min'), (30, interval '1 min'), (40, interval '1 min')) AS s (state, patience)
    CROSS JOIN unnest('{0,1}'::smallint[]) AS l (lane)
    CROSS JOIN LATERAL (
        SELECT m.state, m.wake_at FROM message m
        WHERE m.number_id = n.id AND m.state = s.state AND m.lane = l.lane AND m.wake_at < time.t - s.patience AND m.id >= time.floor
        ORDER BY m.wake_at LIMIT $1
    ) a
    -- The rows of a number that is held back wait for it.
    WHERE s.state <> 10 OR g.paused_until <= time.t
    GROUP BY 1, 2
), silent AS (
    -- Of those of the hour before the last one that are looked at first.
    SELECT 'silent_messages' AS check_name, 'number ' || n.phone_number_id AS subject, count(*) AS n, max(extract(epoch FROM time.t - x.changed_at)) AS seconds
    FROM time CROSS JOIN LATERAL (
        SELECT m.number_id, m.state, m.delivery, m.changed_at FROM message m
        WHERE m.id >= uuid_floor(time.t - interval '2 h') AND m.id < uuid_floor(time.t - interval '1 h') ORDER BY m.id LIMIT $1
    ) x JOIN sender_number n ON n.id = x.number_id
    WHERE x.state = 50 AND x.delivery = 0 AND x.changed_at < time.t - interval '1 h'
    GROUP BY 2
), stalled AS (
    SELECT 'flow_stalled', f.kind || ' ' || f.id, (f.last_seq - f.released_seq)::bigint,
           extract(epoch FROM time.t - greatest(f.starts_at, CASE WHEN isfinite(f.served_at) THEN f.served_at ELSE f.starts_at END))
    FROM time CROSS JOIN flow f JOIN number_gate g ON g.number_id = f.number_id
    WHERE f.has_work AND f.status = 'running' AND f.starts_at < time.t - interval '10 min' AND f.served_at < time.t - interval '10 min'
      AND g.paused_until <= time.t
      -- A number that has all the work it can take is not stalled.
      AND NOT EXISTS (SELECT 1 FROM message m WHERE m.number_id = f.number_id AND m.state = 20 AND m.wake_at IS NOT NULL AND m.id >= time.floor)
), miscounted AS (
    SELECT 'limit_miscounted', s.key, abs(s.members - c.n)::bigint, 0
    FROM limit_scope s CROSS JOIN LATERAL (SELECT count(*)::integer AS n FROM limit_member e WHERE e.scope_id = s.id) c
    WHERE s.members <> c.n
), partitions AS (
    SELECT 'partition_missing', 'message_' || to_char(d.day, 'YYYYMMDD'), 1::bigint, 0
    FROM time CROSS JOIN LATERAL (SELECT ((time.t AT TIME ZONE 'UTC')::date + 1) AS day) d
    WHERE to_regclass('message_' || to_char(d.day, 'YYYYMMDD')) IS NULL
    UNION ALL
    SELECT 'default_partition_used', 'message_default', x.n, 0 FROM (SELECT count(*) AS n FROM (SELECT 1 FROM message_default LIMIT $1) y) x WHERE x.n > 0
), inbox AS (
    SELECT 'webhooks_behind', 'webhook_inbox', count(*), max(extract(epoch FROM time.t - w.received_at))
    FROM time CROSS JOIN LATERAL (SELECT i.received_at FROM webhook_inbox i WHERE i.applied_at IS NULL ORDER BY i.id LIMIT $1) w
    WHERE w.received_at < time.t - interval '1 min'
    HAVING count(*) > 0
    UNION ALL
    SELECT 'webhooks_set_aside', 'webhook_inbox', count(*), 0
    FROM time CROSS JOIN LATERAL (
        SELECT i.set_aside FROM webhook_inbox i WHERE i.received_at > time.t - interval '1 day' ORDER BY i.received_at DESC LIMIT $1) w
    WHERE w.set_aside IS NOT NULL
    HAVING count(*) > 0
), events AS (
    SELECT 'events_untold', 'organization ' || o.slug, greatest(c.last_sequence - c.published_sequence, 1), extract(epoch FROM time.t - e.at)
    FROM time CROSS JOIN organization o LEFT JOIN event_counter c ON c.organization_id = o.id
    CROSS JOIN LATERAL (
        (SELECT v.at FROM event v WHERE v.organization_id = o.id AND v.sequence > c.published_sequence ORDER BY v.sequence LIMIT 1)
        UNION ALL
        (SELECT v.at FROM event v WHERE v.organization_id = o.id AND v.sequence IS NULL ORDER BY v.id LIMIT 1)
        LIMIT 1
    ) e
    WHERE e.at < time.t - interval '1 min'
), endpoints AS (
    SELECT CASE WHEN p.disabled IS NOT NULL THEN 'endpoint_disabled' ELSE 'endpoint_failing' END,
           'endpoint ' || p.id, p.failures::bigint, coalesce(extract(epoch FROM time.t - p.failing_since), 0)
    FROM time CROSS JOIN webhook_endpoint p
    WHERE p.disabled IN ('failing', 'gone') OR (p.disabled IS NULL AND p.failing_since < time.t - interval '1 h')
    UNION ALL
    SELECT 'deliveries_overdue', 'endpoint ' || p.id, count(*), max(extract(epoch FROM time.t - d.wake_at))
    FROM time CROSS JOIN webhook_endpoint p CROSS JOIN unnest('{1,2}'::smallint[]) AS s (state)
    CROSS JOIN LATERAL (
        SELECT w.wake_at FROM webhook_delivery w
        WHERE w.endpoint_id = p.id AND w.state = s.state AND w.wake_at < time.t - interval '2 min' ORDER BY w.wake_at LIMIT $1) d
    -- One that fails is asked slowly on purpose.
    WHERE p.disabled IS NULL AND p.failures = 0
    GROUP BY 2
), accounts AS (
    SELECT 'account_restricted', 'waba ' || w.meta_id, 1::bigint, 0
    FROM time CROSS JOIN waba w WHERE w.restricted AND coalesce(w.restricted_until > time.t, true)
    UNION ALL
    SELECT 'number_held', 'number ' || n.phone_number_id, 1::bigint, 0
    FROM time CROSS JOIN sender_number n JOIN number_gate g ON g.number_id = n.id WHERE g.paused_until > time.t + interval '1 h'
)
SELECT x.check_name, x.subject, x.n, x.seconds::double precision AS seconds
FROM (
    SELECT * FROM overdue UNION ALL SELECT * FROM silent UNION ALL SELECT * FROM stalled UNION ALL SELECT * FROM miscounted
    UNION ALL SELECT * FROM partitions UNION ALL SELECT * FROM inbox UNION ALL SELECT * FROM events
    UNION ALL SELECT * FROM endpoints UNION ALL SELECT * FROM accounts
) x
ORDER BY x.check_name, x.subject LIMIT 1000
