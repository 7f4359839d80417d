-- Nothing else, and nothing joined: the function sees what came after this statement began, and this statement would not. A delivery that
-- came in between would be claimed and handed to nobody, and wait for its lease.
SELECT d.o_endpoint_id AS endpoint_id, d.o_sequence AS sequence, d.o_attempts AS attempts
FROM claim_deliveries($1::text::interval, $2, $3) d
