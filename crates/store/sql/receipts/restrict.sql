UPDATE waba w SET restricted = $2, restricted_until = $3 WHERE w.meta_id = $1
