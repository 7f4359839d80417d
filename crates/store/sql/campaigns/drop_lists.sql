SELECT d AS day FROM drop_recipient_lists($1, $2) AS d
