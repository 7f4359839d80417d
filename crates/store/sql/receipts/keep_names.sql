-- In the order of the key. Two names of one person count both ways round; a name that was given up counts for the new one until then, and
-- never back: the number may be somebody else's one day. What is known already writes nothing; what is new shares what the name is known
-- for: when the person last wrote, and that they do not want to be written to.
WITH given AS (
    SELECT p.organization_id, p.recipient, p.other, CASE WHEN bool_or(p.moved_at IS NULL) THEN NULL ELSE max(p.moved_at) END AS moved_at
    FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) AS u (organization_id, one, two, moved_at)
    CROSS JOIN LATERAL (VALUES (u.organization_id, u.one, u.two, u.moved_at, true),
                               (u.organization_id, u.two, u.one, NULL::timestamptz, u.moved_at IS NULL))
        AS p (organization_id, recipient, other, moved_at, counts)
    WHERE p.counts AND p.recipient <> p.other
    GROUP BY p.organization_id, p.recipient, p.other
), new AS (
    INSERT INTO same_person AS p (organization_id, recipient, other, moved_at)
    SELECT g.organization_id, g.recipient, g.other, g.moved_at FROM given g ORDER BY 1, 2, 3
    ON CONFLICT (organization_id, recipient, other) DO UPDATE SET moved_at = excluded.moved_at
        WHERE p.moved_at < coalesce(excluded.moved_at, 'infinity')
    RETURNING organization_id, recipient, other, moved_at
), windows AS (
    INSERT INTO contact AS k (number_id, recipient, last_inbound_at)
    SELECT c.number_id, new.other, max(c.last_inbound_at)
    FROM new
    JOIN sender_number n ON n.organization_id = new.organization_id
    JOIN contact c ON c.number_id = n.id AND c.recipient = new.recipient
    WHERE c.last_inbound_at <= coalesce(new.moved_at, 'infinity')
    GROUP BY c.number_id, new.other
    ORDER BY c.number_id, new.other COLLATE "C"
    ON CONFLICT (number_id, recipient) DO UPDATE SET last_inbound_at = greatest(k.last_inbound_at, excluded.last_inbound_at)
)
INSERT INTO suppression (organization_id, recipient, source, created_at, marketing_only)
SELECT DISTINCT ON (new.organization_id, new.other) new.organization_id, new.other, s.source, s.created_at, s.marketing_only
FROM new JOIN suppression s ON s.organization_id = new.organization_id AND s.recipient = new.recipient
WHERE s.created_at <= coalesce(new.moved_at, 'infinity')
ORDER BY new.organization_id, new.other, s.marketing_only
ON CONFLICT (organization_id, recipient) DO NOTHING
