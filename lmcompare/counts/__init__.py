"""The count engine: n-grams are counted and looked up, and written to and read from files.

Reading order:

- ``ngrams``: a text to counts of n-grams; ``bounded``: the same in bounded memory; ``room``: where arrays are made;
- ``level`` and ``table``: the back-off table and the probabilities that follow from it; ``scoring``: faster scores
  of long texts; ``sums``: the sums of all probabilities;
- ``arpa`` and ``binary``: tables to and from files; ``building``: tables from the n-grams of files;
- ``suffixes`` and ``walking``: contexts of any length.

The smoothing methods in ``lmcompare.models.ngram`` make the tables from the counts.
"""
