SELECT o_id, o_verdict, o_at, o_attempt
FROM admit($1, $2, make_interval(secs => $3), make_interval(secs => $4), make_interval(secs => $5), make_interval(secs => $6), make_interval(secs => $7))
