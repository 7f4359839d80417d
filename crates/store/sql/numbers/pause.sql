-- Admission locks this row, so it waits for those that hold it, and none that comes later gives out a slot before $3 (null is for ever).
-- An operator's own pause is replaced; a hold of Meta's is never shortened, and keeps its reason while it is the longer one.
UPDATE number_gate g SET
    paused_until = CASE WHEN g.pause_reason LIKE 'operator%' THEN u.until ELSE greatest(g.paused_until, u.until) END,
    pause_reason = CASE WHEN g.pause_reason NOT LIKE 'operator%' AND g.paused_until > u.until THEN g.pause_reason ELSE $4 END
FROM sender_number n, (SELECT coalesce($3::timestamptz, 'infinity') AS until) u
WHERE n.id = g.number_id AND n.organization_id = $1 AND n.phone_number_id = $2
RETURNING g.number_id
