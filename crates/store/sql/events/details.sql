SELECT m.id, m.recipient, n.phone, c.metadata
FROM unnest($1::uuid[]) AS u (id) JOIN message m ON m.id = u.id JOIN sender_number n ON n.id = m.number_id
LEFT JOIN message_content c ON c.id = m.id
