SELECT wake_tier_limited($1, $2)
