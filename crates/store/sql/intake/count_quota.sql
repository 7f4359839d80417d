-- Counts what was kept. The rows are locked already.
UPDATE quota_use q SET accepted = q.accepted + u.messages
FROM unnest($1::bigint[], $2::text[], $3::date[], $4::bigint[]) AS u (organization_id, period, first_day, messages)
WHERE q.organization_id = u.organization_id AND q.period = u.period AND q.first_day = u.first_day
