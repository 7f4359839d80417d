UPDATE media_upload u SET meta_id = $4, uploaded_at = turnpike_now(), expires_at = turnpike_now() + make_interval(secs => $5),
    holder = NULL, lease_until = '-infinity', failures = 0, retry_at = '-infinity'
WHERE u.media_id = $1 AND u.number_id = $2 AND u.holder = $3
