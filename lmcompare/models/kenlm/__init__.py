"""The model ``kenlm``."""
