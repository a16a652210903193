"""The recurrent network with attention over its own past states."""
