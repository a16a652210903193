"""The count engine: n-grams are counted and looked up, and written to and read from files.

Reading order:

- ``table``: the back-off table and the probabilities that follow from it;
- ``ngrams``: a text to counts of n-grams; ``bounded``: the same in bounded memory;
- ``building`` and ``arpa``: tables from the n-grams of files, and to files;
- ``suffixes``: contexts of any length.

The smoothing methods in ``lmcompare.models.ngram`` make the tables from the counts.
"""
