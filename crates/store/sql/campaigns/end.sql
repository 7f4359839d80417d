-- Campaigns of which nothing waits any more, nor is under way, are done. What is under way has an alarm, and the numbers' alarms are few.
UPDATE campaign c SET status = 'done', ended_at = turnpike_now()
WHERE c.status = 'running'
  AND NOT EXISTS (SELECT 1 FROM campaign_part p WHERE p.campaign_id = c.id AND p.filled < p.audience)
  AND NOT EXISTS (SELECT 1 FROM campaign_part p JOIN flow f ON f.id = p.flow_id WHERE p.campaign_id = c.id AND f.has_work)
  AND NOT EXISTS (
      SELECT 1 FROM campaign_part p CROSS JOIN unnest('{10,20,30,40}'::smallint[]) AS s (state)
      JOIN message m ON m.number_id = p.number_id AND m.state = s.state AND m.lane = 1 AND m.wake_at IS NOT NULL AND m.flow_id = p.flow_id
      WHERE p.campaign_id = c.id AND m.id >= (SELECT l.id FROM live_floor l))
RETURNING c.id
