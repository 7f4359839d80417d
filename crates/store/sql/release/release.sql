SELECT o_id, o_number_id, o_lane, o_throughput, o_expired, o_late FROM release(make_interval(secs => $1), $2)
