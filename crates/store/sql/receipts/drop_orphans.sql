DELETE FROM status_orphan o WHERE o.id = ANY ($1)
