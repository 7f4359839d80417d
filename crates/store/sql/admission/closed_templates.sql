SELECT t.id FROM template t WHERE t.id = ANY ($1) AND upper(t.status) NOT IN ('APPROVED', 'REINSTATED', 'UNARCHIVED')
