-- The policies of organizations that have some.
SELECT p.organization_id, p.revision, p.rules FROM policy p WHERE p.organization_id = ANY ($1)
