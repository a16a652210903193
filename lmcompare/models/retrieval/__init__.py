"""A network that also looks up the training contexts most similar to its own, and the words that followed them."""
