-- Rows over which a sender died. After $2 deaths they are set aside: those that wait at once; those that may have been posted are not
-- posted again by themselves, whatever they say. The locks first and in order, as everywhere.
WITH locked AS (
    SELECT m.id FROM message m WHERE m.id = ANY ($1) AND m.state < 50 ORDER BY m.id FOR UPDATE
)
UPDATE message m SET
    crashes    = m.crashes + 1,
    resend     = m.resend AND m.crashes + 1 < $2::smallint,
    state      = CASE WHEN m.crashes + 1 >= $2::smallint AND m.state IN (10, 20) THEN 60 ELSE m.state END,
    reason     = CASE WHEN m.crashes + 1 >= $2::smallint AND m.state IN (10, 20) THEN $3 ELSE m.reason END,
    wake_at    = CASE WHEN m.crashes + 1 >= $2::smallint AND m.state IN (10, 20) THEN NULL ELSE m.wake_at END,
    changed_at = CASE WHEN m.crashes + 1 >= $2::smallint AND m.state IN (10, 20) THEN turnpike_now() ELSE m.changed_at END
FROM locked l WHERE m.id = l.id
RETURNING m.id, m.state = 60 AS quarantined
