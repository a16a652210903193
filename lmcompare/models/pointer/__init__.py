"""A pointer: a network over any other one that can copy words which it has read."""
