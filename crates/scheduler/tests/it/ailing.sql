-- One of everything that turnpike doctor looks for. Three numbers: one with messages that nobody moves, one with a flow that nobody
-- serves, one that is held.
CREATE PROCEDURE ail(p_number bigint, p_age interval, p_state smallint, p_wakes interval) LANGUAGE sql AS $$
    INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, expires_at, state, wake_at, changed_at)
    SELECT (substr(replace(uuid_floor(now() - p_age)::text, '-', ''), 1, 12) || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
           n.organization_id, n.id, n.scope_id, '+16505550100', 0, 1, now() + interval '1 day', p_state, now() - p_wakes, now() - p_age
    FROM sender_number n WHERE n.id = p_number
$$;
CREATE FUNCTION number_at(p_place integer) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT n.id FROM sender_number n ORDER BY n.phone_number_id OFFSET p_place LIMIT 1
$$;
CALL ail(number_at(0), '90 min', 50::smallint, NULL);
CALL ail(number_at(0), '10 min', 10::smallint, '10 min');
CALL ail(number_at(0), '10 min', 20::smallint, '10 min');
CALL ail(number_at(0), '10 min', 30::smallint, '10 min');
CALL ail(number_at(0), '10 min', 40::smallint, '10 min');
CALL ail(number_at(0), '3000 days', 60::smallint, NULL);
INSERT INTO flow (id, kind, organization_id, number_id, starts_at, last_seq, created_at)
SELECT gen_random_uuid(), 'broadcast', n.organization_id, n.id, now() - interval '1 h', 10, now() - interval '1 h' FROM sender_number n WHERE n.id = number_at(1);
UPDATE number_gate SET paused_until = 'infinity' WHERE number_id = number_at(2);
UPDATE limit_scope SET members = 7 WHERE id = (SELECT min(id) FROM limit_scope);
UPDATE waba SET restricted = true WHERE id = (SELECT min(id) FROM waba);
DO $$ BEGIN EXECUTE format('DROP TABLE message_%s', to_char((now() AT TIME ZONE 'UTC')::date + 1, 'YYYYMMDD')); END $$;
INSERT INTO webhook_inbox (received_at, body, applied_at, set_aside) VALUES
    (now() - interval '5 min', 'waits', NULL, NULL),
    (now() - interval '5 min', 'odd', now(), '[{"reason": "odd"}]');
UPDATE event SET at = now() - interval '5 min';
INSERT INTO webhook_endpoint (id, organization_id, url, from_sequence, created_at, disabled, failures, failing_since)
SELECT gen_random_uuid(), o.id, 'https://example.com/' || e.name, 0, now(), e.disabled, e.failures, now() - e.failing
FROM (SELECT min(id) AS id FROM organization) o, (VALUES
    ('gone', 'gone', 1, interval '1 min'), ('failing', NULL, 9, interval '2 h'), ('idle', NULL, 0, NULL)) AS e (name, disabled, failures, failing);
INSERT INTO webhook_delivery (endpoint_id, sequence, organization_id, wake_at, created_at)
SELECT p.id, 1, p.organization_id, now() - interval '5 min', now() FROM webhook_endpoint p;
