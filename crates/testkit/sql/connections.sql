-- Connections of the pipeline to its database.
SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'turnpike %'
