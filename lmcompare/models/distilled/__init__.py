"""A network that learns from an ensemble of its own kind, beside the text."""
