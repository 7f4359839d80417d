SELECT a.pid FROM pg_stat_activity a WHERE a.datname = current_database() AND a.query LIKE 'CALL write%' AND a.state = 'active'
