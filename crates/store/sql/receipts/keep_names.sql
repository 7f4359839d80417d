-- Both ways round, in the order of the key. What is known already writes nothing; what is new shares what either name is known for: when
-- the person last wrote, and that they do not want to be written to.
WITH new AS (
    INSERT INTO same_person (organization_id, recipient, other)
    SELECT DISTINCT p.organization_id, p.recipient, p.other
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS u (organization_id, one, two)
    CROSS JOIN LATERAL (VALUES (u.organization_id, u.one, u.two), (u.organization_id, u.two, u.one)) AS p (organization_id, recipient, other)
    WHERE p.recipient <> p.other
    ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING
    RETURNING organization_id, recipient, other
), windows AS (
    INSERT INTO contact AS k (number_id, recipient, last_inbound_at)
    SELECT c.number_id, new.other, max(c.last_inbound_at)
    FROM new
    JOIN sender_number n ON n.organization_id = new.organization_id
    JOIN contact c ON c.number_id = n.id AND c.recipient = new.recipient
    WHERE c.last_inbound_at IS NOT NULL
    GROUP BY c.number_id, new.other
    ORDER BY c.number_id, new.other COLLATE "C"
    ON CONFLICT (number_id, recipient) DO UPDATE SET last_inbound_at = greatest(k.last_inbound_at, excluded.last_inbound_at)
)
INSERT INTO suppression (organization_id, recipient, source, created_at, marketing_only)
SELECT DISTINCT ON (new.organization_id, new.other) new.organization_id, new.other, s.source, s.created_at, s.marketing_only
FROM new JOIN suppression s ON s.organization_id = new.organization_id AND s.recipient = new.recipient
ORDER BY new.organization_id, new.other, s.marketing_only
ON CONFLICT (organization_id, recipient) DO NOTHING
