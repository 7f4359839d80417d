-- Messages of people to one organization, newest first. One message is the range of one id.
SELECT i.id, i.wamid, i.recipient, i.user_id, n.phone, n.phone_number_id, i.at, i.received_at, i.read_at, i.content
FROM inbound_message i JOIN sender_number n ON n.id = i.number_id
WHERE i.organization_id = $1 AND i.id >= $2 AND i.id < $3
  AND ($4::text IS NULL OR i.recipient = $4 OR i.user_id = $4)
  AND ($5::text IS NULL OR n.phone = $5 OR n.phone_number_id = $5)
  AND ($6::text IS NULL OR i.kind = $6)
ORDER BY i.id DESC
LIMIT $7
