-- Not to be sent until its review is over.
UPDATE template t SET components = coalesce($2, t.components), category = coalesce($3, t.category), status = 'PENDING',
    status_at = date_trunc('second', turnpike_now()), revision = t.revision + 1
WHERE t.id = $1
