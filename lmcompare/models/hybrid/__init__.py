"""A network and an n-gram model whose probabilities are mixed, with weights that the network learns."""
