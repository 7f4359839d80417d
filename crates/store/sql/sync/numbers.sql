-- Meta's words about the numbers that are declared. Returns each with the level of throughput that was known before.
WITH before AS (
    SELECT n.id, n.phone_number_id, n.status, n.name_status, n.throughput_level, n.messaging_limit FROM sender_number n
    WHERE n.waba_id = $1 AND n.phone_number_id = ANY ($3::text[]) ORDER BY n.id FOR UPDATE
)
UPDATE sender_number n SET
    status = coalesce(u.status, n.status), verified_name = u.verified_name, quality = u.quality, name_status = u.name_status,
    account_mode = u.account_mode, throughput_level = coalesce(u.throughput_level, n.throughput_level),
    messaging_limit = coalesce(u.messaging_limit, n.messaging_limit), synced_at = $2
FROM before b
JOIN unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
     AS u (id, status, verified_name, quality, name_status, account_mode, throughput_level, messaging_limit) ON u.id = b.phone_number_id
WHERE n.id = b.id
RETURNING n.status = 'CONNECTED' AND (b.status, b.name_status) IS DISTINCT FROM (n.status, n.name_status) AS is_better, n.phone_number_id, n.phone, b.throughput_level AS level_before, n.throughput_level AS level, b.messaging_limit AS limit_before, n.messaging_limit AS limit_now
