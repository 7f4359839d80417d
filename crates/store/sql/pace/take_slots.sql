SELECT take_slots($1, $2, make_interval(secs => $3))
