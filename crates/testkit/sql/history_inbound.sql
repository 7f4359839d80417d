-- Who wrote to whom, by Meta's clock.
SELECT n.phone_number_id AS number, i.recipient, floor(extract(epoch FROM i.at) * 1000)::bigint AS at_ms
FROM inbound_message i JOIN sender_number n ON n.id = i.number_id
