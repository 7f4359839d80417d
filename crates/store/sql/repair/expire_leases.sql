SELECT expire_leases(
    ARRAY(SELECT make_interval(secs => u.seconds) FROM unnest($1::double precision[]) WITH ORDINALITY AS u (seconds, place) ORDER BY u.place),
    $2, $3) AS id
