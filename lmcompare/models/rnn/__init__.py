"""The recurrent network."""
