-- One message, by our id or by Meta's, with what it takes to speak to Meta about it.
SELECT i.number_id, i.wamid, i.read_at, n.phone_number_id, w.meta_id, w.access_token
FROM inbound_message i
JOIN sender_number n ON n.id = i.number_id
JOIN waba w ON w.id = n.waba_id
WHERE (i.organization_id = $1 AND i.id = $2)
   OR ($3::text IS NOT NULL AND n.organization_id = $1 AND i.wamid = $3
       AND i.number_id IN (SELECT s.id FROM sender_number s WHERE s.organization_id = $1))
LIMIT 1
