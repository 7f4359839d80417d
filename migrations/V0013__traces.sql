-- The trace that a message belongs to, as the caller's traceparent header names it (W3C Trace Context): with the message, because its
-- work goes on in other processes, hours later where it waits. Null for most; written once, and read together with the content.

SET LOCAL lock_timeout = '2s';

ALTER TABLE message_content ADD COLUMN traceparent text;
