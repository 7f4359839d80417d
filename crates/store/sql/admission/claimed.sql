SELECT m.id, m.attempt FROM message m WHERE m.id = ANY ($2) AND m.state = 30 AND m.claim = $1
