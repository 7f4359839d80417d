-- Meta said it just now, by refusing: a webhook about an earlier moment must not undo it.
UPDATE template SET status = $2, status_at = turnpike_now(), revision = revision + 1 WHERE id = $1 AND status <> $2
