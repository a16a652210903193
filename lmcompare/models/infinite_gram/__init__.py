"""N-grams of any length, over an index of the training text.

Reading order: ``estimator`` (the counts that discounts are fitted to), ``scoring`` (the probabilities), ``plugin``,
``exhibits``.
"""
