"""The back-off table, and looking up probabilities in it."""
