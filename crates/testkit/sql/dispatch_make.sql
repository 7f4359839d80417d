-- So many scheduled messages from the :from-th on, over all numbers in turn, due then (Unix seconds). Written as an import would: the rows,
-- what they say, and nothing else.
WITH number AS (
    SELECT n.*, row_number() OVER (ORDER BY n.id) - 1 AS place, count(*) OVER () AS numbers FROM sender_number n
), made AS (
    INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, template_id, scheduled_at, expires_at, state, wake_at, changed_at)
    SELECT (substr(replace(uuid_floor(now())::text, '-', ''), 1, 12) || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid,
           n.organization_id, n.id, n.scope_id, '+1777' || lpad(i::text, 7, '0'), 1, 1,
           (SELECT t.id FROM template t WHERE t.waba_id = n.waba_id AND t.name = 'hello'), to_timestamp(:due), to_timestamp(:due) + interval '1 day', 10,
           to_timestamp(:due), now()
    FROM generate_series(:from, :from + :rows - 1) i JOIN number n ON n.place = i % n.numbers
    RETURNING id
)
INSERT INTO message_content (id, content)
SELECT id, '{"type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}}' FROM made
