-- Every POST that ended, as the sender recorded it.
SELECT a.id, a.attempt, a.outcome FROM attempt a
