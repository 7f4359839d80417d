SELECT n.phone_number_id, n.id, n.organization_id FROM sender_number n WHERE n.phone_number_id = ANY ($1)
