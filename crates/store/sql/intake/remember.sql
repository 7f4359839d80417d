-- What the fraud guard and the frequency cap will look back on, of a batch that was kept. Counts are added to in one order for
-- everybody, so that two batches cannot wait for each other.
WITH new_recipient AS (
    INSERT INTO new_recipient_count AS c (organization_id, minute, messages)
    SELECT u.organization_id, date_trunc('minute', $1::timestamptz), u.messages
    FROM unnest($2::bigint[], $3::integer[]) AS u (organization_id, messages) ORDER BY u.organization_id
    ON CONFLICT (organization_id, minute) DO UPDATE SET messages = c.messages + excluded.messages
), content AS (
    INSERT INTO content_count AS c (organization_id, content, hour, messages)
    SELECT u.organization_id, u.content, date_trunc('hour', $1::timestamptz, 'UTC'), u.messages
    FROM unnest($4::bigint[], $5::bigint[], $6::integer[]) AS u (organization_id, content, messages)
    ORDER BY u.organization_id, u.content
    ON CONFLICT (organization_id, content, hour) DO UPDATE SET messages = c.messages + excluded.messages
)
INSERT INTO frequency_place (organization_id, recipient, message_id, taken_at)
SELECT u.organization_id, u.recipient, u.message_id, $1 FROM unnest($7::bigint[], $8::text[], $9::uuid[]) AS u (organization_id, recipient, message_id)
