UPDATE webhook_endpoint e SET failures = u.failures, failing_since = u.failing_since, rests_until = coalesce(u.rests_until, '-infinity'),
    disabled = coalesce(e.disabled, u.disabled)
FROM unnest($1::uuid[], $2::integer[], $3::timestamptz[], $4::timestamptz[], $5::text[])
    AS u (id, failures, failing_since, rests_until, disabled)
WHERE e.id = u.id
