UPDATE waba w SET restricted = false, restricted_until = NULL WHERE w.restricted AND w.restricted_until <= $1
