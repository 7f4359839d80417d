-- What Meta tells us: the durable inbox of webhooks, and what was read out of them.

-- Raw webhook bodies, committed before Meta gets its 200 and applied apart. Meta retries for days and offers no history, so a body
-- that was answered must never be lost. A row leaves the index when it is applied; whole rows go with retention.
CREATE TABLE webhook_inbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    body        bytea NOT NULL,
    applied_at  timestamptz,
    -- What could not be applied, element by element: [{"reason": …, "raw": …}]. Never empty, null when all was well.
    set_aside   jsonb
);
CREATE INDEX webhook_inbox_to_apply ON webhook_inbox (id) WHERE applied_at IS NULL;
CREATE INDEX webhook_inbox_by_age ON webhook_inbox (received_at);

-- Statuses that name no message of ours (no callback string, or a foreign one). They wait a while, because a database restored from
-- a backup may learn of its messages again, and stay visible.
CREATE TABLE status_orphan (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at timestamptz NOT NULL,
    wamid       text NOT NULL,
    message_id  uuid,           -- the message that our callback string names; null without one of ours
    attempt     integer,        -- and its attempt
    status      jsonb NOT NULL  -- as Meta writes a status, without the person's number
);
CREATE INDEX status_orphan_by_age ON status_orphan (received_at);

-- What people wrote to us. Meta delivers at least once; its id makes the second delivery a no-op.
CREATE TABLE inbound_message (
    number_id   bigint NOT NULL,
    wamid       text NOT NULL,
    recipient   text NOT NULL COLLATE "C",  -- the person, E.164 with the +; the recipient of our replies
    at          timestamptz NOT NULL,       -- Meta's clock
    received_at timestamptz NOT NULL,
    kind        text NOT NULL,
    content     jsonb NOT NULL,
    PRIMARY KEY (number_id, wamid)
);
CREATE INDEX inbound_message_by_age ON inbound_message (received_at);

-- What people last said about being written to, by a stop word or in WhatsApp's own settings. Webhooks overtake each other; this
-- remembers the time of the newest word, so that suppression ends the same whatever order they come in.
CREATE TABLE opt_choice (
    organization_id bigint NOT NULL,
    recipient       text NOT NULL COLLATE "C",
    stop            boolean NOT NULL,
    at              timestamptz NOT NULL,   -- Meta's clock
    PRIMARY KEY (organization_id, recipient)
);
