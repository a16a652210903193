"""Measuring a trained model: its scores, its memorisation, its examples; and what the tokens are, whatever the model."""
