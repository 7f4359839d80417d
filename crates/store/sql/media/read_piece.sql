SELECT p.bytes FROM media_piece p WHERE p.media_id = $1 AND p.seq = $2
