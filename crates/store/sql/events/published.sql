UPDATE event_counter c SET published_sequence = $2 WHERE c.organization_id = $1 AND c.published_sequence < $2
