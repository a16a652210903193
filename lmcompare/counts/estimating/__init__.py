"""From counts of n-grams to probabilities and back-off weights."""
