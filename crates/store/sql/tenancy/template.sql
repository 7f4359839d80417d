INSERT INTO template AS t (waba_id, name, language, category, status, parameter_format, components) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (waba_id, name, language) DO UPDATE SET category = excluded.category, status = excluded.status,
    parameter_format = excluded.parameter_format, components = excluded.components, revision = t.revision + 1
WHERE (t.category, t.status, t.parameter_format, t.components)
    IS DISTINCT FROM (excluded.category, excluded.status, excluded.parameter_format, excluded.components)
RETURNING (xmax = 0) AS created
