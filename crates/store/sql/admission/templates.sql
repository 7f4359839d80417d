SELECT id, revision, parameter_format, components FROM template WHERE id = ANY ($1)
