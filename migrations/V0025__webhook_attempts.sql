-- Every attempt of a webhook in its log, not only the last.
--
-- The last stays in the columns of its own: nearly all deliveries have no other, and so cost nothing more.

SET LOCAL lock_timeout = '2s';

-- The ones before, the oldest first: a list of {"ended_at", "http_status", "took_ms", "error"}.
ALTER TABLE webhook_delivery ADD COLUMN earlier jsonb;
