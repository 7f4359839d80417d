-- Policies: what organizations decided for themselves (domain::policy), and the short memory that their rules look back on.
--
-- Off until configured. An organization without a row in policy has no row in any other table here, and none of its messages costs a
-- statement more; what would be asked is told by the revision, which is read together with its numbers and its messages.

SET LOCAL lock_timeout = '2s';

-- Grows over all organizations and never repeats, also when policies are taken away and declared again: readers keep policies for as
-- long as the revision is the same.
CREATE SEQUENCE policy_revision;
CREATE TABLE policy (
    organization_id bigint PRIMARY KEY REFERENCES organization,
    revision        bigint NOT NULL DEFAULT nextval('policy_revision'),
    rules           jsonb NOT NULL          -- domain::policy::Policies
);

-- What the fraud guard found, whether it let the message pass or not; null is nothing.
ALTER TABLE message ADD COLUMN flags text[];

-- Messages accepted, for organizations with a quota. Locked from before the insertion of a batch until its commit, so the count is
-- exact; only batches of the same organization wait for each other. Kept for good: a year of an organization is 377 rows.
CREATE TABLE quota_use (
    organization_id bigint NOT NULL REFERENCES organization,
    period          text NOT NULL CHECK (period IN ('day', 'month')),
    first_day       date NOT NULL,          -- of the day or month, by UTC
    accepted        bigint NOT NULL DEFAULT 0 CHECK (accepted >= 0),
    PRIMARY KEY (organization_id, period, first_day)
) WITH (fillfactor = 20);

-- Messages to people whom no number of the organization wrote to or heard from before, by minute.
CREATE TABLE new_recipient_count (
    organization_id bigint NOT NULL,
    minute          timestamptz NOT NULL,
    messages        integer NOT NULL,
    PRIMARY KEY (organization_id, minute)
) WITH (fillfactor = 20);

-- How often the same was said, by hour. Of the content only a fingerprint is kept.
CREATE TABLE content_count (
    organization_id bigint NOT NULL,
    content         bigint NOT NULL,
    hour            timestamptz NOT NULL,
    messages        integer NOT NULL,
    PRIMARY KEY (organization_id, content, hour)
) WITH (fillfactor = 70);
CREATE INDEX content_count_by_age ON content_count (hour);

-- The places of marketing messages under a frequency cap: one per message, so that a message which fails gives its own back simply by
-- being failed. Taken at the door by what is to go now, and for good (granted) when the sender lets the message go.
CREATE TABLE frequency_place (
    organization_id bigint NOT NULL,
    recipient       text NOT NULL COLLATE "C",
    message_id      uuid NOT NULL,
    taken_at        timestamptz NOT NULL,
    granted         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organization_id, recipient, message_id)
) WITH (fillfactor = 80);
CREATE INDEX frequency_place_by_age ON frequency_place (taken_at);

-- Where a person lives, when the organization knows better than the calling code.
CREATE TABLE recipient_zone (
    organization_id bigint NOT NULL REFERENCES organization,
    recipient       text NOT NULL COLLATE "C",
    zone            text NOT NULL,          -- an IANA name
    PRIMARY KEY (organization_id, recipient)
);

-- The places of one person that count against a message: those that were granted, and of the others those that came before its own;
-- all of them when it has none. Of two messages that came in at once one is always the first, so they never send each other away.
CREATE FUNCTION frequency_taken(p_organization_id bigint, p_recipient text, p_message_id uuid, p_since timestamptz)
RETURNS TABLE (o_message_id uuid, o_taken_at timestamptz) LANGUAGE sql STABLE AS $$
    SELECT f.message_id, f.taken_at
    FROM frequency_place f
    LEFT JOIN message m ON m.id = f.message_id
    LEFT JOIN frequency_place own
        ON own.organization_id = f.organization_id AND own.recipient = f.recipient AND own.message_id = p_message_id
    WHERE f.organization_id = p_organization_id AND f.recipient = p_recipient AND f.taken_at > p_since
      AND f.message_id IS DISTINCT FROM p_message_id
      AND (f.granted OR own.message_id IS NULL OR (f.taken_at, f.message_id) < (own.taken_at, own.message_id))
      -- What failed, expired or was canceled, or Meta says was not delivered, reached nobody. A message that retention has dropped did.
      AND (m.id IS NULL OR (m.state NOT IN (60, 61, 62) AND m.delivery <> 2))
$$;

-- Takes the places of queued messages that are about to go; returns those that found none. One person's places are given out one
-- message at a time: the lock is on the person, in the order of its key, and held until the commit.
CREATE FUNCTION take_frequency(
    p_ids     uuid[],
    p_max     integer[],
    p_periods interval[]
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    t timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('turnpike.frequency'), k.key)
    FROM (SELECT DISTINCT hashtext(m.organization_id || m.recipient) AS key FROM message m WHERE m.id = ANY (p_ids) ORDER BY 1) k;
    t := turnpike_now();
    RETURN QUERY
    WITH asked AS (
        SELECT m.id, m.organization_id, m.recipient, u.max, u.period,
               -- Within the batch: first come, first served, too.
               row_number() OVER (PARTITION BY m.organization_id, m.recipient ORDER BY f.taken_at, u.place) AS turn
        FROM unnest(p_ids, p_max, p_periods) WITH ORDINALITY AS u (id, max, period, place)
        JOIN message m ON m.id = u.id AND m.state = 20
        LEFT JOIN frequency_place f ON f.organization_id = m.organization_id AND f.recipient = m.recipient AND f.message_id = m.id
    ), decided AS (
        SELECT a.id, a.organization_id, a.recipient,
               a.turn + (SELECT count(*) FROM frequency_taken(a.organization_id, a.recipient, a.id, t - a.period) o
                         WHERE o.o_message_id <> ALL (p_ids)) <= a.max AS fits
        FROM asked a
    ), taken AS (
        INSERT INTO frequency_place (organization_id, recipient, message_id, taken_at, granted)
        SELECT d.organization_id, d.recipient, d.id, t, true FROM decided d WHERE d.fits
        ON CONFLICT (organization_id, recipient, message_id) DO UPDATE SET taken_at = excluded.taken_at, granted = true
    )
    SELECT d.id FROM decided d WHERE NOT d.fits;
END $$;
