-- Gives a number some of its pace back, or all of it ($4), unless it was throttled again since it was looked at ($3).
UPDATE number_gate SET
    slots_per_second = $2,
    slowed_to = CASE WHEN NOT $4 THEN slowed_to END,
    slowed_at = CASE WHEN NOT $4 THEN slowed_at END
WHERE number_id = $1 AND slowed_at = $3
