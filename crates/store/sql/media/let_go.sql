UPDATE media_upload u SET holder = NULL, lease_until = '-infinity' WHERE u.media_id = $1 AND u.number_id = $2 AND u.holder = $3
