"""The count engine: n-grams are counted and looked up, and written to and read from files.

Reading order: ``counting`` (a text to counts of n-grams), ``lookup`` (probabilities of a text, from a table),
``files`` (tables to and from files of other tools). The smoothing methods in ``lmcompare.models.ngram`` make the
tables from the counts.
"""
