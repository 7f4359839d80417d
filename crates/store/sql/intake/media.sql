-- Which of these files an organization has. They are kept for as long as the messages that name them may go.
WITH asked AS (
    SELECT u.organization_id, u.id, max(u.until) AS until
    FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[]) AS u (organization_id, id, until)
    GROUP BY u.organization_id, u.id
), kept AS (
    UPDATE media m SET kept_until = a.until FROM asked a
    WHERE m.id = a.id AND m.organization_id = a.organization_id AND m.sha256 IS NOT NULL AND m.kept_until < a.until
)
SELECT m.organization_id, m.id, m.mime
FROM asked a JOIN media m ON m.id = a.id AND m.organization_id = a.organization_id AND m.sha256 IS NOT NULL
