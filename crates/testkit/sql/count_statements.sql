-- Counts the statements of this database, those inside of functions too.
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET pg_stat_statements.track = ''all''', current_database()); END $$
