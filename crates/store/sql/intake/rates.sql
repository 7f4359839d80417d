-- The rate cards of some organizations, whole.
SELECT r.organization_id, r.prefix, r.category, r.price FROM rate r WHERE r.organization_id = ANY ($1)
