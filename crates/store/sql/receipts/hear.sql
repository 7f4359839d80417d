SELECT hear_webhooks($1, $2, $3, make_interval(secs => $4), make_interval(secs => $5))
