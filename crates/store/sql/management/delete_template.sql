UPDATE template t SET status = 'DELETED', status_at = turnpike_now(), revision = t.revision + 1 WHERE t.id = $1
