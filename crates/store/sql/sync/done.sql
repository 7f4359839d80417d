UPDATE waba w SET synced_at = CASE WHEN $3::text IS NULL THEN $2 ELSE w.synced_at END, sync_error = $3,
    sync_lease = CASE WHEN $3::text IS NULL THEN '-infinity' ELSE turnpike_now() + make_interval(secs => $4) END
WHERE w.id = $1
