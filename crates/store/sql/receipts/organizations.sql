SELECT w.meta_id, w.organization_id FROM waba w WHERE w.meta_id = ANY ($1)
