-- People who go by a new name: what they said under the old one counts for the new one, until then, and never the other way round.

SET LOCAL lock_timeout = '2s';

ALTER TABLE same_person
    ADD COLUMN moved_at timestamptz;    -- when recipient was given up for other; null: both are names of the person
