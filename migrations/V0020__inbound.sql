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

-- What is told of a message of a person: our id of it, and the person by both names; from is null where the number is hidden.
CREATE OR REPLACE FUNCTION note_inbound() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (organization_id, size, at, kind, message_ids, data)
    SELECT n.organization_id, 1, turnpike_now(), 'inbound.received', '{}', jsonb_build_object(
        'inbound_id', a.id, 'wamid', a.wamid, 'from', CASE WHEN a.recipient LIKE '+%' THEN a.recipient END, 'user_id', a.user_id,
        'to', n.phone, 'phone_number_id', n.phone_number_id, 'type', a.kind,
        'at', to_jsonb(a.at AT TIME ZONE 'UTC') #>> '{}' || 'Z', 'content', a.content)
    FROM after a JOIN sender_number n ON n.id = a.number_id
    ORDER BY a.at;
    RETURN NULL;
END $$;
