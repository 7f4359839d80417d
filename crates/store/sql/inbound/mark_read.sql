UPDATE inbound_message i SET read_at = turnpike_now() WHERE i.number_id = $1 AND i.wamid = $2 AND i.read_at IS NULL
