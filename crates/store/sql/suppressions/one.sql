-- Whether a person is suppressed.
SELECT s.recipient, s.source, s.created_at, s.marketing_only FROM suppression s WHERE s.organization_id = $1 AND s.recipient = $2
