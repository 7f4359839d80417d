SELECT id FROM limit_scope WHERE key = $1
