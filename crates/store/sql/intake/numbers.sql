-- Every sender number of some organizations, the oldest first, as the rules at the door see it.
SELECT n.id, n.organization_id, n.phone, n.phone_number_id, n.waba_id, n.scope_id, n.status, n.throughput,
       w.restricted AND coalesce(w.restricted_until > $2, true) AS restricted,
       -- Infinities have no place in a program's calendar.
       nullif(least(g.paused_until, timestamptz '9999-01-01'), '-infinity') AS paused_until,
       s.max_members, s.members,
       b.available, b.currency, b.card_revision,
       y.revision AS policy
FROM sender_number n
JOIN waba w ON w.id = n.waba_id
JOIN limit_scope s ON s.id = n.scope_id
LEFT JOIN number_gate g ON g.number_id = n.id
LEFT JOIN balance_account b ON b.organization_id = n.organization_id
LEFT JOIN policy y ON y.organization_id = n.organization_id
WHERE n.organization_id = ANY ($1)
ORDER BY n.id
