INSERT INTO media_piece (media_id, seq, bytes) VALUES ($1, $2, $3)
