SELECT id FROM take_frequency($1, $2, (SELECT array_agg(make_interval(hours => h) ORDER BY place) FROM unnest($3::integer[]) WITH ORDINALITY AS u (h, place))) AS t (id)
