-- Which of these people any number of the organization wrote to, or heard from.
SELECT u.organization_id, u.recipient
FROM unnest($1::bigint[], $2::text[]) AS u (organization_id, recipient)
WHERE EXISTS (SELECT FROM sender_number n JOIN contact k ON k.number_id = n.id AND k.recipient = u.recipient
              WHERE n.organization_id = u.organization_id)
