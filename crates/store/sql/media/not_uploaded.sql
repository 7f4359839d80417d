-- $4 seconds until the next try; $5 is Meta's code where there will be none.
UPDATE media_upload u SET holder = NULL, lease_until = '-infinity', failures = u.failures + 1,
    retry_at = turnpike_now() + make_interval(secs => $4), refused = $5
WHERE u.media_id = $1 AND u.number_id = $2 AND u.holder = $3
