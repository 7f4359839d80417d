SELECT members FROM limit_scope
