-- Brings the policies of an organization to what is declared; no row when nothing changed.
INSERT INTO policy AS p (organization_id, rules) VALUES ($1, $2)
ON CONFLICT (organization_id) DO UPDATE SET rules = excluded.rules, revision = nextval('policy_revision')
WHERE p.rules <> excluded.rules
RETURNING (xmax = 0) AS created
