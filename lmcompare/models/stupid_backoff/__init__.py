"""Stupid back-off: relative frequencies as scores, without normalisation."""
