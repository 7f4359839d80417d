-- In the order of the key, as admission writes contacts.
INSERT INTO contact AS k (number_id, recipient, last_inbound_at)
SELECT u.number_id, u.recipient, max(u.at)
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[]) AS u (number_id, recipient, at)
GROUP BY u.number_id, u.recipient
ORDER BY u.number_id, u.recipient COLLATE "C"
ON CONFLICT (number_id, recipient) DO UPDATE SET last_inbound_at = greatest(k.last_inbound_at, excluded.last_inbound_at)
