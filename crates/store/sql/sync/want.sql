UPDATE waba w SET sync_wanted_at = turnpike_now(), sync_lease = CASE WHEN w.sync_error IS NULL THEN w.sync_lease ELSE '-infinity' END
WHERE w.organization_id = $1
RETURNING w.meta_id
