SELECT a.currency, a.available, a.reserved, a.spent, a.funded FROM top_up_balance($1, $2) a
