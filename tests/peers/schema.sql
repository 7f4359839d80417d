-- What a team's own table might look like: one row per message, filled before the clock starts. :messages and :phones are set by the
-- bench; sender numbers take turns.
CREATE TABLE outgoing (
    id              bigint PRIMARY KEY,
    phone_number_id text NOT NULL,
    recipient       text NOT NULL,
    template        jsonb NOT NULL,
    status          text NOT NULL DEFAULT 'pending',
    wamid           text,
    sent_at         timestamptz
);
INSERT INTO outgoing (id, phone_number_id, recipient, template)
SELECT n, ('{:phones}'::text[])[1 + n % :count], '+1666' || lpad(n::text, 7, '0'),
       jsonb_build_object('name', 'order_update', 'language', jsonb_build_object('code', 'en_US'), 'components', jsonb_build_array(
           jsonb_build_object('type', 'body', 'parameters', jsonb_build_array(
               jsonb_build_object('type', 'text', 'text', 'Guest ' || n), jsonb_build_object('type', 'text', 'text', n::text)))))
FROM generate_series(1, :messages) n;
ANALYZE outgoing
