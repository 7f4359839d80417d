UPDATE waba SET organization_id = $2, scope_id = $3, access_token = $4 WHERE id = $1
