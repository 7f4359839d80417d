-- Keys: from where they may be used, how often, and how one is followed by another without a moment in which none is valid.
--
-- A key that was rotated stays valid until its end, beside the one that follows it; both have the same name. Of a name there is one
-- key at most that nobody follows and nobody revoked: that is the one a declaration speaks of.

SET LOCAL lock_timeout = '2s';

ALTER TABLE api_key
    ADD COLUMN allowed_from        text[],  -- networks in CIDR notation; null is anywhere
    ADD COLUMN requests_per_minute integer CHECK (requests_per_minute > 0), -- null is the installation's own
    ADD COLUMN followed_by         text REFERENCES api_key,
    -- Its messages go to a stand-in for Meta, and take nothing of what live messages need. Never changed.
    ADD COLUMN test                boolean NOT NULL DEFAULT false;

ALTER TABLE api_key DROP CONSTRAINT api_key_organization_id_name_key;
CREATE UNIQUE INDEX api_key_of_a_name ON api_key (organization_id, name) WHERE followed_by IS NULL AND revoked_at IS NULL;
CREATE INDEX api_key_of_organization ON api_key (organization_id, created_at);
