-- Where the person said stop too, that word stands again.
UPDATE suppression s SET source = CASE WHEN c.marketing_only THEN 'user_preferences' ELSE 'stop_word' END, created_at = c.at,
    marketing_only = c.marketing_only
FROM opt_choice c
WHERE s.organization_id = $1 AND s.recipient = $2 AND s.source IN ('api', 'import')
  AND c.organization_id = s.organization_id AND c.recipient = s.recipient AND c.stop
