-- When a person last wrote to one number of an organization, or to any.
SELECT max(k.last_inbound_at) AS last_inbound_at
FROM sender_number n
JOIN contact k ON k.number_id = n.id AND k.recipient = $3
WHERE n.organization_id = $1 AND ($2::bigint IS NULL OR n.id = $2)
