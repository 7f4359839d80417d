-- In the order of the key: two passes with the same messages (Meta delivers at least once) must not wait for each other crosswise.
INSERT INTO inbound_message (number_id, wamid, recipient, at, received_at, kind, content, id, organization_id, user_id)
SELECT u.number_id, u.wamid, u.recipient, u.at, u.received_at, u.kind, u.content::jsonb, u.id, n.organization_id, u.user_id
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[], $8::uuid[], $9::text[])
    AS u (number_id, wamid, recipient, at, received_at, kind, content, id, user_id)
JOIN sender_number n ON n.id = u.number_id
ORDER BY u.number_id, u.wamid
ON CONFLICT (number_id, wamid) DO NOTHING
RETURNING number_id, wamid
