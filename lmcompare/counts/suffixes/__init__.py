"""The contexts of any length in a text, by a suffix array.

Reading order: ``sorting`` (the suffix array), ``contexts`` (the index of a text's contexts), ``building`` (how it is
made), ``walking`` (its contexts that end a passage, and the tokens that followed them).

Compiled functions of this package become a part of the functions that call them from other files, and Numba keeps the
machine code of the callers on disk until the callers' files change: after a change here, delete ``__pycache__`` in
this package and in ``models/infinite_gram``.
"""
