-- Takes the organization's own word back.
DELETE FROM suppression s WHERE s.organization_id = $1 AND s.recipient = $2 AND s.source IN ('api', 'import')
