-- So many messages, each of which wants to be told at one of these addresses.
CREATE PROCEDURE call_back_from(p_count integer, p_urls text[]) LANGUAGE sql AS $$
    WITH new AS (
        SELECT (substr(replace(uuid_floor(clock_timestamp())::text, '-', ''), 1, 12) || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid AS id,
               p_urls[1 + i % cardinality(p_urls)] AS url
        FROM generate_series(1, p_count) i
    ), content AS (
        INSERT INTO message_content (id, content, webhook_url) SELECT n.id, '', n.url FROM new n
    )
    INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, expires_at, state, wake_at, changed_at, calls_back)
    SELECT w.id, n.organization_id, n.id, n.scope_id, '+16660000001', 0, 1, clock_timestamp() + interval '1 day', 20, clock_timestamp(), clock_timestamp(), true
    FROM new w, sender_number n
$$;
