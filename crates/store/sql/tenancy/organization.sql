-- Creates or updates an organization; no row when nothing changed. "created" tells the one from the other.
INSERT INTO organization AS o (slug, name, amqp_user) VALUES ($1, $2, $3)
ON CONFLICT (slug) DO UPDATE SET name = excluded.name, amqp_user = excluded.amqp_user
WHERE (o.name, o.amqp_user) IS DISTINCT FROM (excluded.name, excluded.amqp_user)
RETURNING (xmax = 0) AS created
