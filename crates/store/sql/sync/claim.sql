-- The account whose comparison with Meta is due, and nobody is at it.
UPDATE waba w SET sync_lease = turnpike_now() + make_interval(secs => $2)
WHERE w.id = (
    SELECT d.id FROM waba d
    WHERE d.sync_lease < turnpike_now()
      AND (d.synced_at IS NULL OR d.synced_at < turnpike_now() - make_interval(secs => $1) OR d.sync_wanted_at > d.synced_at)
    ORDER BY d.sync_wanted_at NULLS LAST, d.synced_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING w.id, w.meta_id, w.access_token, turnpike_now() AS begun_at
