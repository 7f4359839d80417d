-- The organization's own word. It takes over where the person's word stands, so that START does not lift it; what the person said is
-- kept in opt_choice. Returns whom it is new for; those whom the organization suppressed before are missing.
INSERT INTO suppression AS s (organization_id, recipient, source, created_at)
SELECT $1, u.recipient, $3, $4 FROM (SELECT DISTINCT unnest($2::text[]) COLLATE "C" AS recipient) u ORDER BY u.recipient
ON CONFLICT (organization_id, recipient) DO UPDATE SET source = excluded.source WHERE s.source NOT IN ('api', 'import')
RETURNING (s.xmax = 0) AS is_new
