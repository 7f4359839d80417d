SELECT c.organization_id FROM event_counter c WHERE c.last_sequence > c.published_sequence ORDER BY c.organization_id
