-- Meta said it just now, by refusing: a webhook about an earlier moment must not undo it. Webhooks tell whole seconds, so one about the
-- same second is taken for the later word.
UPDATE template SET status = $2, status_at = date_trunc('second', turnpike_now()), revision = revision + 1 WHERE id = $1 AND status <> $2
