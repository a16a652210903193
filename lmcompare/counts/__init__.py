"""The count engine: n-grams are counted, estimated and looked up, and written to and read from files.

Reading order: ``counting`` (a text to counts of n-grams), ``estimating`` (counts to probabilities), ``lookup``
(probabilities of a text, from a table), ``files`` (tables to and from files of other tools).
The compiled loops of a module are in a module of the same name that ends in ``_compiled``.
"""
