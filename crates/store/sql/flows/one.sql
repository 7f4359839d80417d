-- A flow of an organization.
SELECT f.status, f.last_seq FROM flow f WHERE f.id = $1 AND f.organization_id = $2
