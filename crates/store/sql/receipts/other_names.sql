-- Everything that these people are known by; names of names too. What was said under a name that they gave up counts until then.
WITH RECURSIVE known AS (
    SELECT u.organization_id, u.recipient, u.recipient COLLATE "C" AS other, 'infinity'::timestamptz AS until
    FROM unnest($1::bigint[], $2::text[]) AS u (organization_id, recipient)
    UNION
    SELECT k.organization_id, k.recipient, p.other, least(k.until, coalesce(p.moved_at, 'infinity'))
    FROM known k JOIN same_person p ON p.organization_id = k.organization_id AND p.recipient = k.other
)
SELECT k.organization_id, k.recipient, k.other, nullif(max(k.until), 'infinity') AS until
FROM known k WHERE k.other <> k.recipient COLLATE "C"
GROUP BY k.organization_id, k.recipient, k.other
