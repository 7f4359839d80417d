-- Some words of people are about marketing only: what they set in WhatsApp itself (user_preferences) and what Meta tells by refusing
-- (131050). Their codes and order updates still reach them. A stop word means everything.

SET LOCAL lock_timeout = '2s';

ALTER TABLE suppression ADD COLUMN marketing_only boolean NOT NULL DEFAULT false;
ALTER TABLE opt_choice ADD COLUMN marketing_only boolean NOT NULL DEFAULT false;
