-- Everything that these people are known by, themselves included; names of names too.
WITH RECURSIVE known AS (
    SELECT u.organization_id, u.recipient, u.recipient COLLATE "C" AS other
    FROM unnest($1::bigint[], $2::text[]) AS u (organization_id, recipient)
    UNION
    SELECT k.organization_id, k.recipient, p.other
    FROM known k JOIN same_person p ON p.organization_id = k.organization_id AND p.recipient = k.other
)
SELECT k.organization_id, k.recipient, k.other FROM known k WHERE k.other <> k.recipient COLLATE "C"
