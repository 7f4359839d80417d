-- Campaigns that should have begun longer ago than $1 and did not: nothing of them was filled.
SELECT c.id, c.organization_id FROM campaign c
WHERE c.status = 'scheduled' AND c.starts_at < turnpike_now() - $1::double precision * interval '1 s'
  AND NOT EXISTS (SELECT 1 FROM campaign_part p WHERE p.campaign_id = c.id AND p.filled > 0)
