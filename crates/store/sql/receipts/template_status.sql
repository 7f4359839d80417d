-- A webhook that was overtaken by a newer one changes nothing. What is waiting for a status that changed is woken by these ids.
UPDATE template t SET status = $4, status_at = $5, revision = t.revision + (t.status <> $4)::integer
FROM waba w
WHERE w.meta_id = $1 AND t.waba_id = w.id AND t.name = $2 AND t.language = $3
  AND coalesce(t.status_at, '-infinity') <= $5
RETURNING t.id
