-- When each message came to its end, in Unix milliseconds; without those whose end was only the end of a wait.
SELECT m.id, floor(extract(epoch FROM m.changed_at) * 1000)::bigint AS ended_at_ms
FROM message m WHERE m.state IN (50, 60, 61, 62)
