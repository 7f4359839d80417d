UPDATE number_gate SET slots_per_second = $2, slowed_to = $3, slowed_at = $4 WHERE number_id = $1
