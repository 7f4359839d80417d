UPDATE media_upload u SET lease_until = turnpike_now() + make_interval(secs => $4)
WHERE u.media_id = $1 AND u.number_id = $2 AND u.holder = $3
