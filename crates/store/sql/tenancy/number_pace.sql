-- The rows that admission and release lock, kept in step with the number's throughput.
WITH number AS (
    SELECT id FROM sender_number WHERE phone_number_id = $1
), gate AS (
    INSERT INTO number_gate AS g (number_id, slots_per_second) SELECT id, $2 FROM number
    ON CONFLICT (number_id) DO UPDATE SET slots_per_second = excluded.slots_per_second
    -- One that is slowed down is given its pace back by the scheduler, from the new throughput.
    WHERE g.slots_per_second <> excluded.slots_per_second AND g.slowed_at IS NULL
)
INSERT INTO number_dispatch AS d (number_id, depth) SELECT id, $3 FROM number
ON CONFLICT (number_id) DO UPDATE SET depth = excluded.depth WHERE d.depth <> excluded.depth
