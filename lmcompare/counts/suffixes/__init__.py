"""The contexts of a text of any length, by a suffix array.

Reading order: ``sorting`` (the suffix array), ``contexts`` (the index of a text's contexts), ``building`` (how it is
made), ``walking`` (which of its contexts end a passage, and what followed them).
"""
