SELECT extract(epoch FROM clock_timestamp()) / 86400 - ('x' || substr(replace(l.id::text, '-', ''), 1, 12))::bit(48)::bigint / 86400000.0 AS days
FROM live_floor l
