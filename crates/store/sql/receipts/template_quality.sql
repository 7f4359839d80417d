UPDATE template t SET quality = $4, revision = t.revision + 1
FROM waba w
WHERE w.meta_id = $1 AND t.waba_id = w.id AND t.name = $2 AND t.language = $3 AND t.quality IS DISTINCT FROM $4
