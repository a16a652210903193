"""N-grams of any length, over an index of the training text.

Reading order: ``estimator`` (the discounts, and how they are fitted), ``scoring`` (the probabilities), ``plugin``,
``exhibits``.
"""
