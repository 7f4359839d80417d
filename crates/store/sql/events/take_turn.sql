SELECT c.published_sequence, o.slug
FROM event_counter c JOIN organization o ON o.id = c.organization_id
WHERE c.organization_id = $1 AND c.last_sequence > c.published_sequence
