-- Meta does not know the id any more; one that came since is another.
UPDATE media_upload u SET meta_id = NULL, expires_at = NULL
FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS f (media_id, number_id, meta_id)
WHERE u.media_id = f.media_id AND u.number_id = f.number_id AND u.meta_id = f.meta_id
