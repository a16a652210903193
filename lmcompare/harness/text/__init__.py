"""The text of a run: read, cut into tokens and stored, or found where it was read before."""
