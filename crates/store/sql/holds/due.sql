SELECT o_id, o_attempt, o_number_id, o_began, o_held_until, o_alarm, o_resend, o_expires_at, o_failures, o_now FROM holds_due($1, $2)
