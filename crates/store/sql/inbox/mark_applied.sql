UPDATE webhook_inbox w SET applied_at = $1, set_aside = u.set_aside::jsonb
FROM unnest($2::bigint[], $3::text[]) AS u (id, set_aside)
WHERE w.id = u.id
