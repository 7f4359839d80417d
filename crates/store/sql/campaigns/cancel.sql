UPDATE campaign c SET status = 'canceled', ended_at = turnpike_now() WHERE c.id = $1 AND c.status NOT IN ('done', 'canceled')
