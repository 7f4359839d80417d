SELECT a.currency, a.available, a.reserved, a.spent, a.funded FROM balance_account a WHERE a.organization_id = $1
