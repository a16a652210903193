"""Stupid backoff: relative frequencies as scores, without normalisation."""
