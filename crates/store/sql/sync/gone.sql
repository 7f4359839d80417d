-- Templates that Meta had and does not list any more. What was only ever declared is left alone.
UPDATE template t SET status = 'DELETED', status_at = $2, revision = t.revision + 1
WHERE t.waba_id = $1 AND t.meta_id IS NOT NULL AND t.synced_at < $2 AND coalesce(t.status_at, '-infinity') <= $2 AND t.status <> 'DELETED'
RETURNING t.id
