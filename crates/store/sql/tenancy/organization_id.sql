SELECT id FROM organization WHERE slug = $1
