"""Recurrent language models: alone, with attention over their past states, and as an encoder and a decoder."""
