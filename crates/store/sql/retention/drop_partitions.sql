SELECT drop_partitions($1, $2) AS day
