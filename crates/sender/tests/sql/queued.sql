-- A queued template message, as ingest leaves it.
INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, expires_at, state, wake_at, changed_at)
VALUES ('{id}', {organization}, {number}, {scope}, '{recipient}', 1, {category}, now() + interval '1 h', 20, now() + interval '1 h', now())
