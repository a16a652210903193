"""The unigram model."""
