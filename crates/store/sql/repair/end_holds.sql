SELECT o_id, o_resent FROM end_holds($1, $2, $3)
