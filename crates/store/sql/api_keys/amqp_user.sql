-- Whose messages a broker user publishes.
SELECT o.id
FROM organization o
WHERE o.amqp_user = $1
