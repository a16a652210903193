"""The smoothing methods of the n-gram model: the hyper-parameters, notes and worked equation of each.

The arithmetic of a method is in the file of the same name in ``lmcompare/counts/estimating``. Reading order: ``base``
(what a method provides), one file for each method, ``registry`` (the methods by name).
"""
