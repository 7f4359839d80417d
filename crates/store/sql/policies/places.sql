-- When the places were taken that count against these messages; a message that is not kept yet has no id.
SELECT u.place, o.o_taken_at AS taken_at
FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::timestamptz[]) WITH ORDINALITY AS u (organization_id, recipient, message_id, since, place)
CROSS JOIN LATERAL frequency_taken(u.organization_id, u.recipient, u.message_id, u.since) o
