-- Templates by account and name; in one language where one is named, else in all there are.
SELECT DISTINCT ON (t.id) t.id, t.waba_id, t.name, t.language, t.category, t.status, t.parameter_format, t.components
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS u (waba_id, name, language)
JOIN template t ON t.waba_id = u.waba_id AND t.name = u.name AND (u.language IS NULL OR t.language = u.language)
