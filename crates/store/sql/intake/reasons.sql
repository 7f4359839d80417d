SELECT m.id, m.reason FROM message m WHERE m.id = ANY ($1)
