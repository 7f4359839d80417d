-- Until the end of the transaction. A statement of its own, so that what is read next is what the last speaker left.
SELECT pg_try_advisory_xact_lock(hashtextextended('turnpike.tell', $1)) AS taken
