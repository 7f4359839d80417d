-- Messages to new people since a moment; the minute that it lies in counts whole.
SELECT u.organization_id, sum(c.messages)::bigint AS messages
FROM unnest($1::bigint[], $2::timestamptz[]) AS u (organization_id, since)
JOIN new_recipient_count c ON c.organization_id = u.organization_id AND c.minute > u.since - interval '1 minute'
GROUP BY u.organization_id
