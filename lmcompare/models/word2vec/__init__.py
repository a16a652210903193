"""word2vec vectors in a bag, and a softmax over their mean."""
