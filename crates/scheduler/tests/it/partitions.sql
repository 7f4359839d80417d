SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('message'::regclass, 'message_content'::regclass, 'attempt'::regclass, 'status_event'::regclass)
ORDER BY 1
