-- Inbound messages as customers see them: an id of ours, whose they are, who wrote by Meta's id of them, and whether we told WhatsApp
-- that they were read. And people who go by several names.

SET LOCAL lock_timeout = '2s';

-- Null in rows of before; those are not listed, and go with retention.
ALTER TABLE inbound_message
    ADD COLUMN id              uuid,        -- UUIDv7 of the time it came in, so a list in its order is newest last
    ADD COLUMN organization_id bigint,
    ADD COLUMN user_id         text,        -- business-scoped; recipient is the same where the person hides their number
    ADD COLUMN read_at         timestamptz; -- when Meta took our mark that it was read

-- Pages of an organization, newest first. The rows of before have no id, so this is empty when it is made.
CREATE UNIQUE INDEX inbound_message_in_order ON inbound_message (organization_id, id) WHERE id IS NOT NULL;

-- One person under two names: the number that was written to and the one that WhatsApp knows them by (Brazil, Mexico), a number and a
-- business-scoped user id. Both ways round, so one look by key finds the other. What they say under one name counts for all.
CREATE TABLE same_person (
    organization_id bigint NOT NULL,
    recipient       text NOT NULL COLLATE "C",
    other           text NOT NULL COLLATE "C",
    PRIMARY KEY (organization_id, recipient, other),
    CHECK (recipient <> other)
);
