-- A part becomes a flow. None of its rows is there yet.
INSERT INTO flow (id, kind, organization_id, number_id, starts_at, last_seq, created_at) VALUES ($1, 'campaign', $2, $3, $4, 0, $5)
