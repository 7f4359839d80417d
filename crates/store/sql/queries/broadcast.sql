-- A broadcast of an organization.
SELECT f.id, f.status, f.starts_at, f.created_at, f.last_seq, f.released_seq,
       CASE WHEN isfinite(f.completed_at) THEN f.completed_at END AS completed_at, n.phone AS sender
FROM flow f
JOIN sender_number n ON n.id = f.number_id
WHERE f.id = $1 AND f.organization_id = $2
