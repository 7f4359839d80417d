-- The pace, the depth with the broker and the number itself; locks as in lock_gates, which comes before.
WITH number AS (
    SELECT n.id FROM sender_number n WHERE n.phone = $1
), gate AS (
    UPDATE number_gate g SET slots_per_second = $3 FROM number WHERE g.number_id = number.id
), dispatch AS (
    UPDATE number_dispatch d SET depth = $4 FROM number WHERE d.number_id = number.id
)
UPDATE sender_number n SET throughput = $2 FROM number WHERE n.id = number.id
