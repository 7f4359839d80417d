SELECT id, organization_id, scope_id, access_token FROM waba WHERE meta_id = $1 FOR UPDATE
