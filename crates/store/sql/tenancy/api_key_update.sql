UPDATE api_key SET id = $2, secret_hash = $3, scopes = $4 WHERE id = $1
