-- Until Meta or an operator says otherwise.
UPDATE waba SET restricted = true, restricted_until = NULL
WHERE id = $1 AND (NOT restricted OR restricted_until IS NOT NULL)
