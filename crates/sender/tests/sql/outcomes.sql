SELECT outcome FROM attempt ORDER BY outcome
