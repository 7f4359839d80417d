-- When webhooks of some numbers came: the last one, and since $2 the stretches without any.
SELECT h.number_id, h.heard_at,
       ARRAY(SELECT g.heard_at FROM webhook_gap g WHERE g.number_id = h.number_id AND g.heard_again > $2 ORDER BY g.heard_at) AS gap_after,
       ARRAY(SELECT g.heard_again FROM webhook_gap g WHERE g.number_id = h.number_id AND g.heard_again > $2 ORDER BY g.heard_at) AS gap_until
FROM webhook_heard h
WHERE h.number_id = ANY ($1)
