SELECT o_id, o_number_id, o_lane, o_throughput FROM ring_again(
    ARRAY(SELECT make_interval(secs => u.seconds) FROM unnest($1::double precision[]) WITH ORDINALITY AS u (seconds, place) ORDER BY u.place),
    $2, $3, $4)
