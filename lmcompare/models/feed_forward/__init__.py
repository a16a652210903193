"""The feed-forward language model: a window of word vectors, each position with weights of its own."""
