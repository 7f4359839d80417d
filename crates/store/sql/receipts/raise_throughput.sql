-- The pace, the depth with the broker and the number itself, which has a grant no smaller than this from now on.
WITH number AS (
    SELECT n.id FROM sender_number n WHERE n.phone = $1 AND n.throughput < $2
), gate AS (
    -- One that is slowed down is given its pace back by the scheduler, from the new throughput.
    UPDATE number_gate g SET slots_per_second = $3 FROM number WHERE g.number_id = number.id AND g.slowed_at IS NULL
), dispatch AS (
    UPDATE number_dispatch d SET depth = $4 FROM number WHERE d.number_id = number.id
)
UPDATE sender_number n SET throughput = $2 FROM number WHERE n.id = number.id
