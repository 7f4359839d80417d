-- What Meta lists takes the place of what was known, but for a status that a webhook told after the listing began.
INSERT INTO template AS t (waba_id, meta_id, name, language, category, status, status_at, parameter_format, components, quality, rejected_reason, synced_at)
SELECT $1, u.meta_id, u.name, u.language, u.category, u.status, $2, u.parameter_format, u.components, u.quality, u.rejected_reason, $2
FROM unnest($3::text[], $4::text[], $5::text[], $6::smallint[], $7::text[], $8::text[], $9::jsonb[], $10::text[], $11::text[])
     AS u (meta_id, name, language, category, status, parameter_format, components, quality, rejected_reason)
ON CONFLICT (waba_id, name, language) DO UPDATE SET
    meta_id = excluded.meta_id, category = excluded.category, parameter_format = excluded.parameter_format,
    components = excluded.components, quality = excluded.quality, rejected_reason = excluded.rejected_reason, synced_at = excluded.synced_at,
    status = CASE WHEN coalesce(t.status_at, '-infinity') <= excluded.status_at THEN excluded.status ELSE t.status END,
    status_at = greatest(t.status_at, excluded.status_at),
    revision = t.revision + (
        (t.category, t.parameter_format, t.components, t.status) IS DISTINCT FROM
        (excluded.category, excluded.parameter_format, excluded.components, excluded.status))::integer
RETURNING t.id, t.revision, (xmax = 0) AS created
