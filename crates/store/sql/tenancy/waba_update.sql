-- A new token, or another place: what closed the account may be over. If it is not, the next refusal closes it again.
UPDATE waba SET organization_id = $2, scope_id = $3, access_token = $4, restricted = false, restricted_until = NULL WHERE id = $1
