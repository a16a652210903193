"""Few bits, sets of words and the order of two words: what weights and neurons hold."""
