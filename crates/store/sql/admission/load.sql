-- Rows and every fact that the rules look at, without a lock: what must not change under a decision is looked at again in admit().
-- The id list twice: each of the two partitioned tables finds its partitions by it.
SELECT m.id, m.organization_id, m.number_id, m.state, m.recipient, m.category, m.attempt, m.failures, m.expires_at, m.template_id,
       m.has_fallback, m.test,
       CASE WHEN c.fell_back_at IS NULL THEN c.content ELSE c.fallback_content END AS content,
       c.traceparent, m.changed_at AS queued_at,
       -- Nothing was posted yet: a claim that was given back is part of the wait.
       m.scheduled_at IS NULL AND (m.attempt = 0 OR NOT EXISTS (SELECT FROM attempt a WHERE a.id = m.id)) AS prompt,
       f.status AS flow_status,
       s.recipient IS NOT NULL AND NOT s.marketing_only AS opted_out, coalesce(s.marketing_only, false) AS opted_out_of_marketing,
       n.phone_number_id, n.status AS number_status, n.throughput,
       -- Infinite on both sides: no pause is minus infinity, and a pause without end is as good as one beyond the message's own end.
       CASE WHEN g.paused_until > turnpike_now() THEN least(g.paused_until, m.expires_at) END AS paused_until,
       w.id AS waba_id, w.meta_id AS waba_meta_id, w.access_token,
       w.restricted AND coalesce(w.restricted_until > turnpike_now(), true) AS restricted,
       t.status AS template_status, t.revision AS template_revision,
       k.last_inbound_at,
       y.revision AS policy,
       turnpike_now() AS read_at
FROM message m
JOIN sender_number n ON n.id = m.number_id
JOIN waba w ON w.id = n.waba_id
LEFT JOIN message_content c ON c.id = m.id AND c.id = ANY ($1)
LEFT JOIN number_gate g ON g.number_id = m.number_id
LEFT JOIN flow f ON f.id = m.flow_id
LEFT JOIN template t ON t.id = m.template_id
LEFT JOIN contact k ON k.number_id = m.number_id AND k.recipient = m.recipient
LEFT JOIN suppression s ON s.organization_id = m.organization_id AND s.recipient = m.recipient
LEFT JOIN policy y ON y.organization_id = m.organization_id
WHERE m.id = ANY ($1) AND m.state = ANY ($2)
