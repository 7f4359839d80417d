-- Locks the counts of organizations with a quota until the commit, in one order for everybody, and reads them as they are then.
INSERT INTO quota_use AS q (organization_id, period, first_day)
SELECT u.organization_id, u.period, u.first_day
FROM unnest($1::bigint[], $2::text[], $3::date[]) AS u (organization_id, period, first_day)
ORDER BY u.organization_id, u.period, u.first_day
ON CONFLICT (organization_id, period, first_day) DO UPDATE SET accepted = q.accepted
RETURNING organization_id, period, accepted
