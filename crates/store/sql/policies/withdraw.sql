DELETE FROM policy WHERE organization_id = $1
