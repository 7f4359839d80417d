SELECT find_live_floor() AS id
