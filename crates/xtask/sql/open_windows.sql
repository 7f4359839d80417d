SELECT count(*) AS n FROM contact WHERE last_inbound_at IS NOT NULL
