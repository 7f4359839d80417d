-- When the places of a messaging limit come free, by the minute.
SELECT date_trunc('minute', e.expires_at) + interval '1 min' AS at, count(*) AS n FROM limit_member e
WHERE e.scope_id = $1 AND e.expires_at > turnpike_now() GROUP BY 1 ORDER BY 1
