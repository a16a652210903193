"""Measuring a trained model: its scores, its memorisation, its examples, and the features of the tokens it reads."""
