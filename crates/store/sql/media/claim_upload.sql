-- Nobody else uploads it now, it is not there already, and the last failure is long enough ago.
WITH claimed AS (
    INSERT INTO media_upload AS u (media_id, number_id, holder, lease_until)
    SELECT m.id, $2, $3, turnpike_now() + make_interval(secs => $4) FROM media m WHERE m.id = $1 AND m.sha256 IS NOT NULL
    ON CONFLICT (media_id, number_id) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
    WHERE u.lease_until < turnpike_now() AND u.retry_at <= turnpike_now() AND u.refused IS NULL
      AND (u.meta_id IS NULL OR u.expires_at <= turnpike_now() + make_interval(secs => $5))
    RETURNING u.media_id, u.failures
)
SELECT m.mime, m.size, c.failures FROM claimed c JOIN media m ON m.id = c.media_id
