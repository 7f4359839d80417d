-- The newest word counts, and of two words of one second the stop, and the wider one. A stop that is about marketing only narrows none
-- that means everything. Only what people said themselves is taken back by their word: a suppression that the organization set stays.
WITH said AS (
    SELECT u.*, coalesce(max(u.at) FILTER (WHERE NOT u.stop) OVER person, '-infinity') AS started_at
    FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::timestamptz[], $5::text[], $6::boolean[])
        AS u (organization_id, recipient, stop, at, source, marketing_only)
    WINDOW person AS (PARTITION BY u.organization_id, u.recipient)
), weighed AS (
    SELECT s.*, coalesce(bool_or(NOT s.marketing_only) FILTER (WHERE s.stop AND s.at >= s.started_at) OVER person, false) AS wide
    FROM said s
    WINDOW person AS (PARTITION BY s.organization_id, s.recipient)
), latest AS (
    SELECT DISTINCT ON (w.organization_id, w.recipient) w.organization_id, w.recipient, w.stop, w.at,
           CASE WHEN w.marketing_only AND w.wide THEN 'stop_word' ELSE w.source END AS source, w.marketing_only AND NOT w.wide AS marketing_only
    FROM weighed w
    ORDER BY w.organization_id, w.recipient, w.at DESC, w.stop DESC, w.marketing_only
), kept AS (
    INSERT INTO opt_choice AS c (organization_id, recipient, stop, at, marketing_only)
    SELECT l.organization_id, l.recipient, l.stop, l.at, l.marketing_only FROM latest l ORDER BY l.organization_id, l.recipient
    ON CONFLICT (organization_id, recipient) DO UPDATE SET stop = excluded.stop, at = excluded.at,
        marketing_only = excluded.marketing_only AND NOT (excluded.stop AND c.stop AND NOT c.marketing_only)
        WHERE (excluded.at, excluded.stop) > (c.at, c.stop)
    RETURNING c.organization_id, c.recipient, c.stop, c.at, c.marketing_only
), lifted AS (
    DELETE FROM suppression s USING kept k
    WHERE NOT k.stop AND s.organization_id = k.organization_id AND s.recipient = k.recipient
      AND s.source IN ('stop_word', 'user_preferences', 'meta_131050')
)
INSERT INTO suppression AS s (organization_id, recipient, source, created_at, marketing_only)
SELECT k.organization_id, k.recipient, l.source, k.at, k.marketing_only
FROM kept k JOIN latest l ON l.organization_id = k.organization_id AND l.recipient = k.recipient
WHERE k.stop
ORDER BY k.organization_id, k.recipient
-- Whoever said less before says more now; a wider word of the person or of the organization stays as it is.
ON CONFLICT (organization_id, recipient) DO UPDATE
    SET source = excluded.source, created_at = excluded.created_at, marketing_only = false
    WHERE s.marketing_only AND NOT excluded.marketing_only
