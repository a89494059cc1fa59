"""Who may do what: users, groups, keys, and what a request may do with them."""
