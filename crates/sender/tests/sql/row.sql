SELECT *, wake_at <= now() AS due FROM message WHERE id = '{id}'
