-- Every change that is not a message's, once or twice.
INSERT INTO flow (id, kind, organization_id, number_id, starts_at, last_seq, created_at)
SELECT '00000000-0000-7000-8000-000000000001', 'broadcast', n.organization_id, n.id, now(), 10, now() FROM sender_number n;
UPDATE flow SET released_seq = 5;
UPDATE flow SET status = 'paused';
UPDATE flow SET status = 'running';
UPDATE flow SET status = 'canceled';
UPDATE flow SET completed_at = now();
UPDATE flow SET completed_at = now();
INSERT INTO campaign (id, organization_id, name, options, created_at)
SELECT '00000000-0000-7000-8000-000000000003', o.id, 'Spring', '{}', now() FROM organization o;
UPDATE campaign SET status = 'adding';
UPDATE campaign SET status = 'draft', audience = 5;
UPDATE campaign SET status = 'scheduled', starts_at = now() + interval '1 day';
UPDATE campaign SET starts_at = now() + interval '2 days';
UPDATE campaign SET status = 'running';
UPDATE campaign SET status = 'paused', pause_code = 'error_ratio';
UPDATE campaign SET status = 'running';
UPDATE campaign SET status = 'done';
UPDATE campaign SET status = 'canceled';
INSERT INTO sender_number (phone_number_id, phone, organization_id, waba_id, scope_id)
SELECT '2000099', '+15550001199', n.organization_id, n.waba_id, n.scope_id FROM sender_number n;
UPDATE sender_number SET status = 'FLAGGED' WHERE phone_number_id = '2000099';
UPDATE sender_number SET throughput = 1001 WHERE phone_number_id = '2000099';
UPDATE number_gate SET tat = now();
UPDATE number_gate SET paused_until = now() + interval '1 h', pause_reason = 'meta_130429';
UPDATE number_gate SET paused_until = 'infinity', pause_reason = 'operator';
UPDATE number_gate SET paused_until = '-infinity', pause_reason = NULL;
UPDATE limit_scope SET members = members;
UPDATE limit_scope SET max_members = 250;
UPDATE waba SET restricted = true, restricted_until = now() + interval '3 days';
UPDATE waba SET restricted = false, restricted_until = NULL;
INSERT INTO template (waba_id, name, language, category, status, parameter_format, components)
SELECT w.id, 'new', 'de', 1, 'PENDING', 'POSITIONAL', '[]' FROM waba w;
UPDATE template SET revision = revision + 1;
UPDATE template SET components = '[{"type": "BODY", "text": "Hallo"}]' WHERE name = 'new';
UPDATE template SET status = 'APPROVED' WHERE name = 'new';
UPDATE template SET category = 3 WHERE name = 'new';
UPDATE template SET quality = 'YELLOW' WHERE name = 'new';
DELETE FROM template WHERE name = 'new';
INSERT INTO suppression (organization_id, recipient, source, created_at) SELECT o.id, '+16505550100', 'stop_word', now() FROM organization o;
UPDATE suppression SET source = 'api';
DELETE FROM suppression;
INSERT INTO inbound_message (number_id, wamid, recipient, at, received_at, kind, content)
SELECT n.id, 'wamid.1', '+16505550100', '2026-01-31T09:00:00Z', now(), 'text', '{"body": "Hi"}' FROM sender_number n WHERE n.phone_number_id <> '2000099';
INSERT INTO webhook_endpoint (id, organization_id, url, from_sequence, created_at)
SELECT '00000000-0000-7000-8000-000000000002', o.id, 'https://example.com/hook', 0, now() FROM organization o;
UPDATE webhook_endpoint SET failures = 9, failing_since = now(), rests_until = now();
UPDATE webhook_endpoint SET disabled = 'failing';
UPDATE webhook_endpoint SET disabled = NULL;
INSERT INTO event (organization_id, size, at, kind, message_ids, data, calls_back)
SELECT o.id, 1, now(), 'webhook_endpoint.test', '{}', '{"endpoint_id": "00000000-0000-7000-8000-000000000002"}', true FROM organization o;
