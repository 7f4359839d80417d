-- What became of the rows of a flow: handed to Meta (a refusal of Meta's was handed over too), called back, and the rest.
SELECT count(*) FILTER (WHERE m.state IN (30, 40, 50, 63) OR (m.state = 60 AND m.attempt > 0)) AS handed_over,
       count(*) FILTER (WHERE m.state = 62) AS canceled,
       count(*) FILTER (WHERE m.state = 61 OR (m.state = 60 AND m.attempt = 0)) AS refused,
       count(*) FILTER (WHERE m.state IN (10, 20)) AS waiting
FROM flow f JOIN message m ON m.flow_id = f.id AND m.id >= uuid_floor(f.created_at - interval '1 h')
WHERE f.id = $1
