-- Each number's pace, and what holds it back.
SELECT n.phone_number_id, n.throughput, g.paused_until > turnpike_now() AS paused,
       greatest(extract(epoch FROM CASE WHEN isfinite(g.tat) THEN g.tat - turnpike_now() ELSE '0' END), 0)::double precision AS ahead_seconds,
       (SELECT coalesce(sum(f.last_seq - f.released_seq), 0) FROM flow f
        WHERE f.number_id = n.id AND f.has_work AND f.status <> 'canceled')::bigint AS flow_rows
FROM sender_number n JOIN number_gate g ON g.number_id = n.id
