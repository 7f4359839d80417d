-- How far a peer is; times in Unix seconds.
SELECT count(*) AS sent, extract(epoch FROM min(sent_at)) AS first_at, extract(epoch FROM max(sent_at)) AS last_at
FROM outgoing WHERE status = 'sent'
