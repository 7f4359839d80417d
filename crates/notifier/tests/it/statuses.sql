SELECT m.id, m.organization_id AS organization, public_status(m.state, m.delivery, m.scheduled_at, m.changed_at) AS status FROM message m
