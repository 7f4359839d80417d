-- Adds those who are not there yet, each at the next places of its part; says how many came to which part. The campaign is locked, so
-- nobody else gives out places.
WITH line AS (
    SELECT u.recipient, u.part, u.params, u.metadata, u.place
    FROM unnest($2::text[], $3::smallint[], $4::text[], $5::text[]) WITH ORDINALITY AS u (recipient, part, params, metadata, place)
), fresh AS (
    SELECT DISTINCT ON (l.recipient) l.* FROM line l
    WHERE NOT EXISTS (SELECT 1 FROM campaign_recipient r WHERE r.campaign_id = $1 AND r.recipient = l.recipient COLLATE "C")
    ORDER BY l.recipient, l.place
), added AS (
    INSERT INTO campaign_recipient (campaign_id, recipient, part, seq, params, metadata)
    SELECT $1, f.recipient, f.part, p.audience + row_number() OVER (PARTITION BY f.part ORDER BY f.place), f.params, f.metadata
    FROM fresh f JOIN campaign_part p ON p.campaign_id = $1 AND p.part = f.part
    RETURNING part
), counted AS (
    SELECT a.part, count(*)::integer AS n FROM added a GROUP BY a.part
)
UPDATE campaign_part p SET audience = p.audience + c.n FROM counted c WHERE p.campaign_id = $1 AND p.part = c.part
RETURNING p.part, c.n
