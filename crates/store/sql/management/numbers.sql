SELECT n.phone_number_id, n.phone, w.meta_id AS waba, n.status, n.throughput, n.verified_name, n.quality, n.name_status, n.account_mode,
       n.throughput_level, n.messaging_limit, n.synced_at,
       w.restricted AND coalesce(w.restricted_until > turnpike_now(), true) AS restricted
FROM sender_number n JOIN waba w ON w.id = n.waba_id
WHERE n.organization_id = $1 ORDER BY n.id
