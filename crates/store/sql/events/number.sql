SELECT number_events($1) AS changes
