-- Deliveries of a stretch of events that are over, whatever became of them.
UPDATE webhook_delivery w SET state = 1, attempts = 0, wake_at = turnpike_now()
WHERE w.organization_id = $1 AND w.endpoint_id = $2 AND w.sequence BETWEEN $3 AND $4 AND w.state >= 3
