-- How many of these people are suppressed already.
SELECT count(*) AS n
FROM (SELECT DISTINCT unnest($2::text[]) COLLATE "C" AS recipient) u
JOIN suppression s ON s.organization_id = $1 AND s.recipient = u.recipient
