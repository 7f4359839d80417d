-- A template that was just handed in, as Meta answered.
INSERT INTO template AS t (waba_id, meta_id, name, language, category, status, status_at, parameter_format, components, synced_at)
VALUES ($1, $2, $3, $4, $5, $6, turnpike_now(), $7, $8, turnpike_now())
ON CONFLICT (waba_id, name, language) DO UPDATE SET meta_id = excluded.meta_id, category = excluded.category, status = excluded.status,
    status_at = excluded.status_at, parameter_format = excluded.parameter_format, components = excluded.components,
    synced_at = excluded.synced_at, rejected_reason = NULL, revision = t.revision + 1
RETURNING t.id
