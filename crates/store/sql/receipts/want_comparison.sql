UPDATE waba w SET sync_wanted_at = turnpike_now() WHERE w.meta_id = $1
