"""From a text to the counts of its n-grams."""
