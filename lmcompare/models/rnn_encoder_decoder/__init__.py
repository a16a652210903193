"""The recurrent encoder and decoder with additive attention."""
