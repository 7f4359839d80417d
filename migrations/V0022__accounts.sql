-- What Meta says of accounts, numbers and templates when it is asked, and everything it tells of them by webhook.
SET LOCAL lock_timeout = '2s';

ALTER TABLE waba
    ADD COLUMN sync_wanted_at timestamptz,  -- somebody wants it compared with Meta: a caller, or a webhook that speaks of what is not known
    ADD COLUMN synced_at      timestamptz,  -- when the last comparison began
    ADD COLUMN sync_error     text,         -- why the last one did not end well
    ADD COLUMN sync_lease     timestamptz NOT NULL DEFAULT '-infinity'; -- somebody is at it until then, or none is until then

ALTER TABLE template
    ADD COLUMN meta_id         text,        -- Meta's id; null until Meta was asked
    ADD COLUMN rejected_reason text,
    ADD COLUMN synced_at       timestamptz;

-- Meta's words, as they are.
ALTER TABLE sender_number
    ADD COLUMN verified_name    text,
    ADD COLUMN name_status      text,
    ADD COLUMN account_mode     text,
    ADD COLUMN throughput_level text,
    ADD COLUMN messaging_limit  text,
    ADD COLUMN synced_at        timestamptz;

-- Every webhook about an account, its numbers and templates, whether something was made of it or not. Repeated ones are one row.
CREATE TABLE account_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    waba_id     bigint NOT NULL REFERENCES waba,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    field       text NOT NULL,              -- Meta's name of the webhook field
    event       text,                       -- Meta's word for what happened, where it has one
    value       jsonb NOT NULL,             -- as it came
    fingerprint bytea NOT NULL UNIQUE
);
CREATE INDEX account_event_of_waba ON account_event (waba_id, id);
CREATE INDEX account_event_by_age ON account_event (received_at);
