-- Campaigns with a flow that is not where they are. What was changed a moment ago is still being settled by whoever changed it.
SELECT DISTINCT c.id, c.organization_id
FROM campaign c JOIN campaign_part p ON p.campaign_id = c.id JOIN flow f ON f.id = p.flow_id
WHERE (c.status = 'paused' AND f.status = 'running' AND c.paused_at < turnpike_now() - interval '5 s')
   OR (c.status = 'canceled' AND f.status <> 'canceled' AND c.ended_at BETWEEN turnpike_now() - interval '1 day' AND turnpike_now() - interval '5 s')
   OR (c.status IN ('scheduled', 'running') AND f.status = 'paused' AND p.is_open)
