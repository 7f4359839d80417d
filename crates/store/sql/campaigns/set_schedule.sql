UPDATE campaign c SET options = $2, starts_at = $3, ramp_from = CASE WHEN c.ramp_from IS NOT NULL THEN greatest(c.ramp_from, $3) END WHERE c.id = $1
