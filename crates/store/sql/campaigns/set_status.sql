-- The campaign is locked.
UPDATE campaign c SET status = $2, starts_at = coalesce($3, c.starts_at), ramp_from = coalesce($4, c.ramp_from) WHERE c.id = $1
