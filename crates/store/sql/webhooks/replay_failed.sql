-- Everything that was given up, from the beginning.
UPDATE webhook_delivery w SET state = 1, attempts = 0, wake_at = turnpike_now()
WHERE w.organization_id = $1 AND w.endpoint_id = $2 AND w.state = 4
