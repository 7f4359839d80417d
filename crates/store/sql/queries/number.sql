-- A sender number of an organization, by its phone number or Meta's id of it.
SELECT n.id, n.phone
FROM sender_number n
WHERE n.organization_id = $1 AND (n.phone = $2 OR n.phone_number_id = $2)
