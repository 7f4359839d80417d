INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, flow_id, seq, expires_at, state, delivery, reason, changed_at)
SELECT overlay(uuid_floor(now())::text placing lpad(r.seq::text, 4, '0') FROM 33)::uuid, n.organization_id, n.id, n.scope_id, r.recipient, 1, 1, p.flow_id, r.seq,
       now() + interval '1 day', (ARRAY[50, 60, 50, 63])[r.seq], (ARRAY[3, 0, 2, 0])[r.seq], (ARRAY[NULL, 'meta_131026', NULL, 'outcome_unknown'])[r.seq], now()
FROM campaign_recipient r JOIN campaign_part p ON p.campaign_id = r.campaign_id AND p.part = r.part JOIN sender_number n ON n.id = p.number_id
