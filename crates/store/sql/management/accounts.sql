SELECT w.meta_id AS waba, w.restricted AND coalesce(w.restricted_until > turnpike_now(), true) AS restricted, w.restricted_until,
       w.synced_at, w.sync_error, coalesce(w.sync_wanted_at > coalesce(w.synced_at, '-infinity'), w.synced_at IS NULL) AS sync_due
FROM waba w WHERE w.organization_id = $1 ORDER BY w.id
