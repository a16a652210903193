"""The smoothing methods of the n-gram model: the arithmetic, notes and worked equation of each.

Reading order: ``base`` (what a method provides), ``kneser_ney``, ``raw_counts`` (what the other methods share) and
a file for each of them.
"""
