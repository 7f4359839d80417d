SELECT o_id, o_state FROM settle_holds($1, $2, $3, $4, $5, $6)
