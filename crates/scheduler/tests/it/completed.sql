SELECT e.data,
       (SELECT count(*) FROM event o WHERE o.id > e.id AND o.kind IN ('message.accepted', 'message.delivered', 'message.failed',
           'message.expired', 'message.canceled', 'message.unknown')) AS ends_behind
FROM event e WHERE e.kind = 'broadcast.completed' ORDER BY e.id
