-- Lifts whatever there is, the person's own word too, which is forgotten.
WITH word AS (
    DELETE FROM opt_choice c WHERE c.organization_id = $1 AND c.recipient = $2 AND c.stop
)
DELETE FROM suppression s WHERE s.organization_id = $1 AND s.recipient = $2
