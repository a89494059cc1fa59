"""Who may do what: users, groups, keys, what a request may do with them, and limits."""
