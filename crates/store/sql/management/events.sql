-- A page of what Meta told of an organization's accounts, the newest first.
SELECT e.id, w.meta_id AS waba, e.at, e.received_at, e.field, e.event, e.value
FROM account_event e JOIN waba w ON w.id = e.waba_id
WHERE w.organization_id = $1 AND e.id < $2 ORDER BY e.id DESC LIMIT $3
