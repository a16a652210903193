"""A probabilistic context-free grammar from a treebank, as a language model."""
