"""Word vectors in a bag: word2vec, then a softmax over the mean of the context's vectors."""
