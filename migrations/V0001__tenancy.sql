-- Who sends: organizations, their API keys, WhatsApp Business Accounts, sender numbers and templates.
-- Small tables, read all the time and written rarely; what changes with every message lives in V0002 and V0003.

CREATE TABLE organization (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug       text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    name       text NOT NULL,
    -- The broker user whose messages on the intake exchange belong to this organization. RabbitMQ itself checks the
    -- user_id property against the connection's user, so this is as good as a key.
    amqp_user  text UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    -- The public half of the key; the secret half is kept as an HMAC under the server's secret key. The secret has 256 random
    -- bits, so a slow password hash would only help an attacker exhaust the CPU.
    id              text PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organization,
    name            text NOT NULL,
    secret_hash     bytea NOT NULL,
    scopes          text[] NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz,
    revoked_at      timestamptz,
    UNIQUE (organization_id, name)
);

-- The scope that Meta counts the messaging limit in: the business portfolio, shared by all numbers of all its WABAs; the WABA
-- itself where the portfolio is not known. Locked by every admission that spends from it, hence the room on each page: updates
-- stay in place (HOT).
CREATE TABLE limit_scope (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE,      -- 'portfolio:<id>' or 'waba:<id>'
    max_members integer,                   -- unique recipients in a moving 24 hours; null is unlimited
    members     integer NOT NULL DEFAULT 0 -- invariant: the count of this scope's rows in limit_member
) WITH (fillfactor = 20);

CREATE TABLE waba (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meta_id         text NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES organization,
    scope_id        bigint NOT NULL REFERENCES limit_scope,
    access_token    bytea NOT NULL,        -- sealed with the server's secret key; only the sender opens it
    restricted      boolean NOT NULL DEFAULT false,
    restricted_until timestamptz           -- lifted by itself then; null: when Meta or an operator says so
);

CREATE TABLE sender_number (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    phone_number_id text NOT NULL UNIQUE,  -- Meta's id
    phone           text NOT NULL UNIQUE,  -- E.164 with the +
    organization_id bigint NOT NULL REFERENCES organization,
    waba_id         bigint NOT NULL REFERENCES waba,
    scope_id        bigint NOT NULL REFERENCES limit_scope,
    status          text NOT NULL DEFAULT 'CONNECTED',
    throughput      integer NOT NULL DEFAULT 80 CHECK (throughput > 0), -- messages per second, as Meta grants it
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sender_number_of_organization ON sender_number (organization_id);

CREATE TABLE template (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    waba_id          bigint NOT NULL REFERENCES waba,
    name             text NOT NULL,
    language         text NOT NULL,
    category         smallint NOT NULL,
    status           text NOT NULL,
    status_at        timestamptz,          -- when Meta last told it; a webhook that comes late undoes nothing newer
    parameter_format text NOT NULL,
    components       jsonb NOT NULL,
    quality          text,
    -- Grows with every change, so that readers can keep a parsed template for as long as it is the same.
    revision         integer NOT NULL DEFAULT 1,
    UNIQUE (waba_id, name, language)
);
