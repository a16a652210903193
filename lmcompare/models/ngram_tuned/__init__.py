"""The n-gram model whose discounts and strengths are tuned on the validation text.

Reading order: ``estimator`` (which n-grams share a discount, and the table for given parameters), ``tuning`` (the
parameters that maximise the likelihood of a text), ``plugin``.
"""
