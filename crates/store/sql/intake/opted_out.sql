-- Which of these people asked which organization not to write.
SELECT s.organization_id, s.recipient, s.marketing_only
FROM unnest($1::bigint[], $2::text[]) AS u (organization_id, recipient)
JOIN suppression s ON s.organization_id = u.organization_id AND s.recipient = u.recipient
