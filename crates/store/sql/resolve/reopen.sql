-- A message that ended as unknown is uncertain again for as long as this transaction lasts, so that its outcome can be recorded.
UPDATE message m SET state = 40, wake_at = turnpike_now() WHERE m.organization_id = $1 AND m.id = $2 AND m.attempt = $3 AND m.state = 63
