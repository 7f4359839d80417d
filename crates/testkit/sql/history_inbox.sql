-- Webhooks that were answered with 200 and did not come through whole.
SELECT (SELECT count(*) FROM webhook_inbox WHERE applied_at IS NULL) AS waiting,
       (SELECT coalesce(sum(jsonb_array_length(set_aside)), 0) FROM webhook_inbox WHERE set_aside IS NOT NULL) AS set_aside,
       (SELECT count(*) FROM status_orphan) AS orphans
