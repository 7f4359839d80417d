-- Messages of one organization, newest first, between two ids (an id begins with its time). One message is the range of one id.
-- A status is a set of state and delivery pairs: one set for rows that wait for their time, one for all others.
SELECT m.id, n.phone AS sender, m.recipient, m.flow_id, m.scheduled_at, m.expires_at, m.test, m.state, m.delivery, m.reason, m.flags, m.wamid,
       m.changed_at, m.claimed_at, c.content, c.metadata, c.fallback_content, c.fell_back_at, c.fell_back_for
FROM message m
JOIN sender_number n ON n.id = m.number_id
LEFT JOIN message_content c ON c.id = m.id
WHERE m.organization_id = $1
  AND m.id >= $2
  AND m.id < $3
  AND ($4::uuid IS NULL OR m.flow_id = $4)
  AND ($5::text IS NULL OR m.recipient = $5)
  AND ($6::text IS NULL OR n.phone = $6 OR n.phone_number_id = $6)
  AND ($7::integer[] IS NULL
       OR m.state * 10 + m.delivery = ANY (CASE WHEN m.scheduled_at > $9 THEN $8::integer[] ELSE $7 END))
ORDER BY m.id DESC
LIMIT $10
