-- How often these contents were said since a moment; the hour that it lies in counts whole.
SELECT u.organization_id, u.content, sum(c.messages)::bigint AS messages
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS u (organization_id, content, since)
JOIN content_count c ON c.organization_id = u.organization_id AND c.content = u.content AND c.hour > u.since - interval '1 hour'
GROUP BY u.organization_id, u.content
