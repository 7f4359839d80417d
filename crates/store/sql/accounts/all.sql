SELECT
    w.meta_id,
    w.access_token,
    coalesce(array_agg(n.phone_number_id ORDER BY n.phone_number_id) FILTER (WHERE n.id IS NOT NULL), '{}') AS numbers
FROM waba w
LEFT JOIN sender_number n ON n.waba_id = w.id
GROUP BY w.id
ORDER BY w.meta_id
