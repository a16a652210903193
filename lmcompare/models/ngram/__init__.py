"""The n-gram model, smoothed by Kneser and Ney's method or another of the classical ones."""
