"""The recurrent language model (GRU or LSTM)."""
