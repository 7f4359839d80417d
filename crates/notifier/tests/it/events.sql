SELECT e.size, e.kind, e.sequence FROM event e ORDER BY e.id
