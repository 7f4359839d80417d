-- The newest word counts, and of two words of one second the stop. Only what people said themselves is taken back by their word: a
-- suppression that the organization set stays.
WITH latest AS (
    SELECT DISTINCT ON (u.organization_id, u.recipient) u.*
    FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::timestamptz[], $5::text[])
        AS u (organization_id, recipient, stop, at, source)
    ORDER BY u.organization_id, u.recipient, u.at DESC, u.stop DESC
), kept AS (
    INSERT INTO opt_choice AS c (organization_id, recipient, stop, at)
    SELECT l.organization_id, l.recipient, l.stop, l.at FROM latest l ORDER BY l.organization_id, l.recipient
    ON CONFLICT (organization_id, recipient) DO UPDATE SET stop = excluded.stop, at = excluded.at
        WHERE (excluded.at, excluded.stop) > (c.at, c.stop)
    RETURNING c.organization_id, c.recipient, c.stop, c.at
), lifted AS (
    DELETE FROM suppression s USING kept k
    WHERE NOT k.stop AND s.organization_id = k.organization_id AND s.recipient = k.recipient
      AND s.source IN ('stop_word', 'user_preferences')
)
INSERT INTO suppression (organization_id, recipient, source, created_at)
SELECT k.organization_id, k.recipient, l.source, k.at
FROM kept k JOIN latest l ON l.organization_id = k.organization_id AND l.recipient = k.recipient
WHERE k.stop
ORDER BY k.organization_id, k.recipient
ON CONFLICT (organization_id, recipient) DO NOTHING
