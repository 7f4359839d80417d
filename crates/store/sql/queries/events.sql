-- What Meta told of some messages, in the order of Meta's clock.
SELECT e.id, e.status, e.at, e.received_at, e.attempt, e.errors
FROM status_event e
WHERE e.id = ANY ($1)
ORDER BY e.id, e.at
