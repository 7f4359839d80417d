-- These attempts were accepted, so what is reserved for them is spent; what was spent already stays so.
SELECT settle_reservations($1, $2, array_fill(true, ARRAY[cardinality($1::uuid[])]))
