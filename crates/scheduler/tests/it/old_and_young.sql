TRUNCATE event;
INSERT INTO webhook_inbox (received_at, body, applied_at) VALUES
    (now() - interval '49 h', 'old and applied', now()),
    (now() - interval '49 h', 'old and not applied', NULL),
    (now() - interval '47 h', 'young', now());
INSERT INTO idempotency (organization_id, key, request_hash, status, answer, created_at)
    SELECT o.id, k.key, '', 200, '{}', now() - k.age FROM organization o, (VALUES ('old', interval '26 h'), ('young', interval '24 h')) AS k (key, age);
INSERT INTO status_orphan (received_at, wamid, status) VALUES
    (now() - interval '8 days', 'old', '{}'),
    (now() - interval '6 days', 'young', '{}');
INSERT INTO event_counter (organization_id, last_sequence, published_sequence) SELECT o.id, 3, 2 FROM organization o;
INSERT INTO event (organization_id, sequence, size, at, kind, message_ids)
    SELECT o.id, e.sequence, 1, now() - e.age, 'message.sent', ARRAY[gen_random_uuid()] FROM organization o, (VALUES
        (NULL, interval '31 days'), -- nobody ever told it
        (1, interval '8 days'),     -- told and old
        (2, interval '6 days'),     -- told and young
        (3, interval '8 days'),     -- old, and still to be told
        (NULL, interval '8 days')) AS e (sequence, age);
