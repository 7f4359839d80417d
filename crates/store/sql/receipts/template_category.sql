UPDATE template t SET category = $4, revision = t.revision + 1
FROM waba w
WHERE w.meta_id = $1 AND t.waba_id = w.id AND t.name = $2 AND t.language = $3 AND t.category <> $4
