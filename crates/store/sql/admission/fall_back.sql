SELECT f.id FROM fall_back($1, $2) AS f (id)
