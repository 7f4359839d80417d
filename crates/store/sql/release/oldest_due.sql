SELECT oldest_due() AS seconds
