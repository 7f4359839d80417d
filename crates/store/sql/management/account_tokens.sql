SELECT w.id, w.meta_id, w.access_token FROM waba w
WHERE w.organization_id = $1 AND ($2::text IS NULL OR w.meta_id = $2) ORDER BY w.id
