-- What Meta says of a campaign's templates ($2, in the languages $3) in the accounts of its numbers.
SELECT DISTINCT t.name, t.status, t.quality, t.category
FROM campaign_part p
JOIN sender_number n ON n.id = p.number_id
JOIN template t ON t.waba_id = n.waba_id
JOIN unnest($2::text[], $3::text[]) AS u (name, language) ON u.name = t.name AND u.language = t.language
WHERE p.campaign_id = $1
ORDER BY t.name
