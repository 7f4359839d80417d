-- One batch, whole or not at all, in one statement and so in one commit: idempotency keys first, then what belongs to the keys that
-- were free. Two batches with the same key: the second waits for the first to commit, and then finds the key taken.
-- Returns the keys that were free.
WITH free AS (
    INSERT INTO idempotency (organization_id, key, request_hash, status, answer, created_at)
    SELECT u.organization_id, u.key, u.request_hash, u.status, u.answer, $6
    FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::smallint[], $5::text[])
        AS u (organization_id, key, request_hash, status, answer)
    ORDER BY u.organization_id, u.key   -- one order for everybody, so that two batches cannot wait for each other
    ON CONFLICT DO NOTHING
    RETURNING organization_id, key
), new_flow AS (
    INSERT INTO flow (id, kind, organization_id, number_id, starts_at, last_seq, released_seq, served_at, created_at)
    SELECT u.id, 'broadcast', u.organization_id, u.number_id, u.starts_at, u.last_seq, u.released_seq,
           CASE WHEN u.released_seq > 0 THEN $6 ELSE '-infinity' END, $6
    FROM unnest($7::uuid[], $8::bigint[], $9::bigint[], $10::timestamptz[], $11::integer[], $12::integer[], $13::text[])
        AS u (id, organization_id, number_id, starts_at, last_seq, released_seq, key)
    WHERE u.key IS NULL OR (u.organization_id, u.key) IN (SELECT f.organization_id, f.key FROM free f)
), input AS MATERIALIZED (
    SELECT u.*
    FROM unnest($14::uuid[], $15::bigint[], $16::bigint[], $17::bigint[], $18::text[], $19::smallint[], $20::smallint[],
                $21::bigint[], $22::uuid[], $23::integer[], $24::timestamptz[], $25::timestamptz[], $26::boolean[],
                $27::smallint[], $28::timestamptz[], $29::text[], $30::text[], $31::jsonb[], $32::text[], $33::text[], $34::bigint[],
                $35::text[], $36::text[], $37::text[], $38::bigint[], $39::smallint[], $40::bigint[], $41::text[], $42::timestamptz[], $43::boolean[])
        AS u (id, organization_id, number_id, scope_id, recipient, lane, category,
              template_id, flow_id, seq, scheduled_at, expires_at, resend,
              state, wake_at, reason, content, metadata, webhook_url, key, price, flags, traceparent,
              fallback_content, fallback_template_id, fallback_category, fallback_price, fell_back_for, edge_at, test)
    WHERE u.key IS NULL OR (u.organization_id, u.key) IN (SELECT f.organization_id, f.key FROM free f)
), new_content AS (
    INSERT INTO message_content (id, content, metadata, webhook_url, traceparent, fallback_content, fallback_template_id, fallback_category,
                                 fallback_price, fell_back_for, fell_back_at)
    SELECT i.id, i.content, i.metadata, i.webhook_url, i.traceparent, i.fallback_content, i.fallback_template_id, i.fallback_category,
           i.fallback_price, i.fell_back_for, CASE WHEN i.fell_back_for IS NOT NULL THEN $6 END
    FROM input i
), new_message AS (
    INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, template_id, flow_id, seq,
                         scheduled_at, expires_at, resend, price, flags, state, wake_at, reason, changed_at, calls_back,
                         has_fallback, edge_at, test)
    SELECT i.id, i.organization_id, i.number_id, i.scope_id, i.recipient, i.lane, i.category, i.template_id, i.flow_id, i.seq,
           i.scheduled_at, i.expires_at, i.resend, i.price, string_to_array(i.flags, ','), i.state, i.wake_at, i.reason, $6,
           CASE WHEN i.webhook_url IS NOT NULL THEN true END,
           i.fallback_content IS NOT NULL AND i.fell_back_for IS NULL, i.edge_at, i.test
    FROM input i
)
SELECT f.organization_id, f.key FROM free f
