-- Meta refused a message because its recipient stopped marketing: their own word, about marketing only. A wider word stays.
WITH told AS (
    SELECT DISTINCT m.organization_id, m.recipient
    FROM message m WHERE m.id = ANY ($1) AND NOT m.test
), kept AS (
    INSERT INTO opt_choice AS c (organization_id, recipient, stop, at, marketing_only)
    SELECT t.organization_id, t.recipient, true, turnpike_now(), true FROM told t ORDER BY t.organization_id, t.recipient
    ON CONFLICT (organization_id, recipient) DO UPDATE SET stop = true, at = excluded.at,
        marketing_only = NOT (c.stop AND NOT c.marketing_only)
        WHERE excluded.at > c.at
)
INSERT INTO suppression AS s (organization_id, recipient, source, created_at, marketing_only)
SELECT t.organization_id, t.recipient, 'meta_131050', turnpike_now(), true FROM told t
ORDER BY t.organization_id, t.recipient
ON CONFLICT (organization_id, recipient) DO NOTHING
