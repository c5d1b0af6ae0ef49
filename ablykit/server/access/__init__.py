"""Who may do what: apps, keys, tokens, identities."""
