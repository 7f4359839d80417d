-- What a chunk changed in its campaign.
UPDATE campaign c SET audience = c.audience + $2, duplicates = c.duplicates + $3, invalid = c.invalid + $4,
    status = CASE WHEN c.status = 'draft' AND c.audience + $2 > 0 THEN 'adding' ELSE c.status END
WHERE c.id = $1
