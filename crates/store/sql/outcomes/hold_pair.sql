-- Until $2 the pair has as much borrowed from the future as admission lets it borrow (a burst of 20, of which the last needs room for 19
-- of 6 s), so the next one goes then. Admission made the row.
UPDATE contact k SET pair_tat = $2::timestamptz + 19 * interval '6 s'
FROM message m
WHERE m.id = $1 AND k.number_id = m.number_id AND k.recipient = m.recipient AND k.pair_tat < $2::timestamptz + 19 * interval '6 s'
