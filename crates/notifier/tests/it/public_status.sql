SELECT s.state, d.delivery, w.waits, public_status(s.state::smallint, d.delivery::smallint, now() + w.waits * interval '1 s', now()) AS status
FROM (VALUES (10), (20), (30), (40), (50), (60), (61), (62), (63)) AS s (state), generate_series(0, 5) AS d (delivery), (VALUES (-1), (0), (1)) AS w (waits)
