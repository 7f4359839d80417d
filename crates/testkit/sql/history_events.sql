-- Every status that was applied.
SELECT e.id, e.attempt, e.status FROM status_event e
