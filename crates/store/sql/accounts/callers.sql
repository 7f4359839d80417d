-- The numbers of an organization with the tokens that speak for them: all of them, or the one of a name.
SELECT n.id, n.phone_number_id, w.meta_id, w.access_token
FROM sender_number n JOIN waba w ON w.id = n.waba_id
WHERE n.organization_id = $1 AND ($2::text IS NULL OR n.phone = $2 OR n.phone_number_id = $2)
ORDER BY n.id
