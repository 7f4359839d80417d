-- When these people last wrote to these numbers.
SELECT k.number_id, k.recipient, k.last_inbound_at
FROM unnest($1::bigint[], $2::text[]) AS u (number_id, recipient)
JOIN contact k ON k.number_id = u.number_id AND k.recipient = u.recipient
WHERE k.last_inbound_at IS NOT NULL
