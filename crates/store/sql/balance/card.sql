-- Makes the card what is declared: rows that are not in it go. Readers of the card see by the revision that it changed.
WITH declared AS (
    SELECT u.prefix, u.category, u.price FROM unnest($2::text[], $3::smallint[], $4::bigint[]) AS u (prefix, category, price)
), gone AS (
    DELETE FROM rate r
    WHERE r.organization_id = $1 AND NOT EXISTS (SELECT FROM declared d WHERE d.prefix = r.prefix AND d.category = r.category)
    RETURNING 1
), put AS (
    INSERT INTO rate AS r (organization_id, prefix, category, price) SELECT $1, d.prefix, d.category, d.price FROM declared d
    ON CONFLICT (organization_id, prefix, category) DO UPDATE SET price = excluded.price WHERE r.price <> excluded.price
    RETURNING 1
), revised AS (
    UPDATE balance_account a SET card_revision = a.card_revision + 1
    WHERE a.organization_id = $1 AND (EXISTS (SELECT FROM gone) OR EXISTS (SELECT FROM put))
)
SELECT EXISTS (SELECT FROM gone) OR EXISTS (SELECT FROM put) AS changed,
       EXISTS (SELECT FROM rate r WHERE r.organization_id = $1) AS existed
