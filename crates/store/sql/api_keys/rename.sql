UPDATE api_key SET name = $2 WHERE id = $1
