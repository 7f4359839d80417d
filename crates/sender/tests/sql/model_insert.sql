-- A message as ingest leaves it, queued or parked.
INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, expires_at, resend, state, wake_at, changed_at)
VALUES ('{id}', {organization}, {number}, {scope}, '{recipient}', 0, {category}, '{expires_at}', {resend}, {state}, '{wake_at}', '{now}')
