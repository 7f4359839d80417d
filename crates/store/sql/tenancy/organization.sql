-- Creates or updates an organization; no row when nothing changed. "created" tells the one from the other.
INSERT INTO organization AS o (slug, name, amqp_user, dispatch_weight) VALUES ($1, $2, $3, $4)
ON CONFLICT (slug) DO UPDATE SET name = excluded.name, amqp_user = excluded.amqp_user, dispatch_weight = excluded.dispatch_weight
WHERE (o.name, o.amqp_user, o.dispatch_weight) IS DISTINCT FROM (excluded.name, excluded.amqp_user, excluded.dispatch_weight)
RETURNING (xmax = 0) AS created
