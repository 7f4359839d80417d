-- The part that needs its next recipients most, locked: the one whose number would be first without work. Parts that another scheduler
-- fills, whose time has not come, or that have enough waiting are passed over. $1 is how many seconds of a number's pace may wait for the
-- cursor, $2 how long before its start a part is filled.
SELECT p.campaign_id, p.part, p.flow_id, p.number_id, p.filled, p.audience, p.starts_at, c.organization_id, c.options, c.ramp_from,
       n.waba_id, n.scope_id, n.throughput, s.max_members, f.last_seq - f.released_seq AS held,
       (SELECT sum(o.filled) FROM campaign_part o WHERE o.campaign_id = c.id)::bigint AS gone, turnpike_now() AS now
FROM campaign_part p
JOIN campaign c ON c.id = p.campaign_id
JOIN flow f ON f.id = p.flow_id
JOIN sender_number n ON n.id = p.number_id
JOIN limit_scope s ON s.id = n.scope_id
WHERE p.is_open AND p.filled < p.audience AND p.look_at <= turnpike_now()
  AND p.starts_at <= turnpike_now() + $2::double precision * interval '1 s'
  AND f.last_seq - f.released_seq < greatest(50, n.throughput * $1::double precision)
ORDER BY (f.last_seq - f.released_seq)::double precision / n.throughput, p.campaign_id, p.part
LIMIT 1 FOR UPDATE OF p SKIP LOCKED
