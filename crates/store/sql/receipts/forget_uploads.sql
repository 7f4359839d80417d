-- Meta says by webhook that it could not use the files of these messages: the next one that names them uploads them again. An upload that
-- came after the message set out is another, and stays. In the order of the key, as two passes may tell of the same file.
WITH named AS (
    SELECT DISTINCT u.media_id, u.number_id
    FROM unnest($1::uuid[]) AS f (id)
    JOIN message m ON m.id = f.id
    JOIN message_content c ON c.id = f.id
    CROSS JOIN LATERAL regexp_matches(c.content || coalesce(c.fallback_content, ''), 'med_([0-9a-f]{32})', 'g') AS found (digits)
    JOIN media_upload u ON u.media_id = found.digits[1]::uuid AND u.number_id = m.number_id
    WHERE u.meta_id IS NOT NULL AND u.uploaded_at <= m.claimed_at
), locked AS (
    SELECT u.media_id, u.number_id
    FROM media_upload u JOIN named n ON n.media_id = u.media_id AND n.number_id = u.number_id
    ORDER BY u.media_id, u.number_id
    FOR UPDATE OF u
)
UPDATE media_upload u SET meta_id = NULL, expires_at = NULL
FROM locked l
WHERE u.media_id = l.media_id AND u.number_id = l.number_id
