"""Access control: apps, keys, tokens, and the identities that these give to connections and requests."""
