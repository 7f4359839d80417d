-- How far behind the parts are that work things off, each counted up to $1 where it is counted.
SELECT (SELECT count(*) FROM (SELECT 1 FROM webhook_inbox i WHERE i.applied_at IS NULL LIMIT $1) x) AS inbox,
       (SELECT coalesce(max(extract(epoch FROM turnpike_now() - i.received_at)), 0) FROM (
            SELECT w.received_at FROM webhook_inbox w WHERE w.applied_at IS NULL ORDER BY w.id LIMIT 1) i)::double precision AS inbox_seconds,
       (SELECT coalesce(sum(c.last_sequence - c.published_sequence), 0) FROM event_counter c)::bigint AS untold,
       (SELECT count(*) FROM (SELECT 1 FROM event e WHERE e.sequence IS NULL LIMIT $1) x) AS unnumbered,
       (SELECT coalesce(sum(c.last_sequence - coalesce(w.sequence, 0)), 0) FROM event_counter c
            LEFT JOIN webhook_cursor w ON w.organization_id = c.organization_id)::bigint AS unseen,
       (SELECT count(*) FROM (SELECT 1 FROM webhook_delivery d WHERE d.wake_at IS NOT NULL LIMIT $1) x) AS deliveries,
       (SELECT count(*) FROM webhook_endpoint p WHERE p.disabled IS NOT NULL) AS disabled,
       (SELECT count(*) FROM webhook_endpoint p WHERE p.disabled IS NULL AND p.failures > 0) AS failing,
       (SELECT coalesce(sum(a.reserved), 0) FROM balance_account a)::bigint AS reserved
