-- The sender numbers of an organization with their pace. Slots are handed out ahead of time: the next free one is at tat, or now.
SELECT n.id, n.phone, n.phone_number_id, n.status, n.throughput, s.key AS scope_key, turnpike_now() AS read_at,
       g.slots_per_second, g.slowed_to, g.slowed_at, CASE WHEN isfinite(g.tat) THEN g.tat END AS tat,
       coalesce(g.paused_until > turnpike_now(), false) AS paused,
       CASE WHEN isfinite(g.paused_until) THEN g.paused_until END AS paused_until, g.pause_reason,
       w.restricted AND coalesce(w.restricted_until > turnpike_now(), true) AS restricted, w.restricted_until,
       (SELECT coalesce(sum(f.last_seq - f.released_seq), 0) FROM flow f
        WHERE f.number_id = n.id AND f.has_work AND f.status <> 'canceled')::bigint AS flow_rows
FROM sender_number n
JOIN waba w ON w.id = n.waba_id
JOIN limit_scope s ON s.id = n.scope_id
LEFT JOIN number_gate g ON g.number_id = n.id
WHERE n.organization_id = $1
ORDER BY n.phone
