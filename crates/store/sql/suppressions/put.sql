-- The organization's own word. It takes over where the person's word stands, so that START does not lift it, and never means less than
-- what it takes over; what the person said is kept in opt_choice. Returns whom it is new for; those whom the organization suppressed as
-- widely before are missing.
INSERT INTO suppression AS s (organization_id, recipient, source, created_at, marketing_only)
SELECT $1, u.recipient, $3, $4, $5 FROM (SELECT DISTINCT unnest($2::text[]) COLLATE "C" AS recipient) u ORDER BY u.recipient
ON CONFLICT (organization_id, recipient) DO UPDATE SET source = excluded.source, marketing_only = s.marketing_only AND excluded.marketing_only
    WHERE s.source NOT IN ('api', 'import') OR (s.marketing_only AND NOT excluded.marketing_only)
RETURNING (s.xmax = 0) AS is_new
