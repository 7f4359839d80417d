-- Calls a message back. Contends with the claim for the row: whoever comes first has it, and the other one sees that.
UPDATE message m
SET state = 62, reason = 'canceled', wake_at = NULL, changed_at = $3
WHERE m.organization_id = $1 AND m.id = $2 AND m.state IN (10, 20)
