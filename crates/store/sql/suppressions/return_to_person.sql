-- Where the person said stop too, that word stands again.
UPDATE suppression s SET source = 'stop_word', created_at = c.at
FROM opt_choice c
WHERE s.organization_id = $1 AND s.recipient = $2 AND s.source IN ('api', 'import')
  AND c.organization_id = s.organization_id AND c.recipient = s.recipient AND c.stop
