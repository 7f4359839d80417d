-- Where these people live, as far as the organizations said so.
SELECT z.organization_id, z.recipient, z.zone
FROM unnest($1::bigint[], $2::text[]) AS u (organization_id, recipient)
JOIN recipient_zone z ON z.organization_id = u.organization_id AND z.recipient = u.recipient
