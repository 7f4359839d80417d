-- With everything that an attempt needs. The event is the row that holds the number; of a message, who and the caller's own.
SELECT d.endpoint_id, d.sequence, d.attempts, coalesce(w.url, p.url) AS url,
       p.secret, CASE WHEN p.old_secret_until > turnpike_now() THEN p.old_secret END AS old_secret,
       o.slug, e.at, e.kind, e.reason, e.flow_id, e.data, e.message_id, m.recipient, n.phone, c.metadata, c.traceparent, w.created_at
FROM unnest($1::uuid[], $2::bigint[], $3::integer[]) AS d (endpoint_id, sequence, attempts)
JOIN webhook_delivery w ON w.endpoint_id = d.endpoint_id AND w.sequence = d.sequence
JOIN webhook_endpoint p ON p.id = d.endpoint_id
JOIN organization o ON o.id = w.organization_id
LEFT JOIN LATERAL (
    SELECT r.at, r.kind, r.reason, coalesce(r.flow_id, r.flow_ids[r.place]) AS flow_id, r.data, r.message_ids[r.place] AS message_id
    FROM (
        SELECT v.*, v.size - (v.sequence - w.sequence)::integer AS place FROM event v
        WHERE v.organization_id = w.organization_id AND v.sequence >= w.sequence ORDER BY v.sequence LIMIT 1
    ) r
    WHERE r.sequence - r.size < w.sequence
) e ON true
LEFT JOIN message m ON m.id = e.message_id
LEFT JOIN sender_number n ON n.id = m.number_id
LEFT JOIN message_content c ON c.id = e.message_id
