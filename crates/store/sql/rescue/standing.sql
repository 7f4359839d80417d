-- Which claims of a sender that is gone still stand. A claim stands for one attempt of one message; once it is recorded, given back or
-- proven by a webhook the row no longer carries it.
SELECT m.id, m.claim, m.attempt, m.category, m.state
FROM unnest($1::uuid[], $2::uuid[]) AS u (id, claim)
JOIN message m ON m.id = u.id AND m.claim = u.claim
WHERE m.id = ANY ($1) AND m.state IN (30, 40)
