"""The recurrent network with additive attention over its own past states."""
