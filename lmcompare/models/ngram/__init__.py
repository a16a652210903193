"""The n-gram model with Kneser-Ney smoothing or another classical smoothing method."""
