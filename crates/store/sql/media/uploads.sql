-- Where these files stand with these numbers. An id that Meta forgets within $3 seconds is no longer used.
SELECT a.media_id, a.number_id, m.id IS NOT NULL AS exists, u.refused,
       CASE WHEN u.expires_at > turnpike_now() + make_interval(secs => $3) THEN u.meta_id END AS meta_id,
       nullif(u.retry_at, '-infinity') AS retry_at
FROM unnest($1::uuid[], $2::bigint[]) AS a (media_id, number_id)
LEFT JOIN media m ON m.id = a.media_id AND m.sha256 IS NOT NULL
LEFT JOIN media_upload u ON u.media_id = a.media_id AND u.number_id = a.number_id
