INSERT INTO webhook_inbox (received_at, body)
SELECT * FROM unnest($1::timestamptz[], $2::bytea[])
