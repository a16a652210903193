"""N-gram models in files: ARPA, and a compact binary."""
