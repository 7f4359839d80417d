SELECT (SELECT count(*) FROM webhook_inbox) AS webhooks, (SELECT count(*) FROM idempotency) AS answers,
       (SELECT count(*) FROM status_orphan) AS orphans, (SELECT count(*) FROM event) AS events
