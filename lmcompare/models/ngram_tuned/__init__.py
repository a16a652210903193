"""The n-gram model whose discounts and strengths are tuned on the validation text.

Reading order: ``discount_classes`` (which n-grams share a discount), ``estimator`` (the table for given parameters),
``tuning`` (the parameters that maximise the likelihood of a text), ``plugin``, ``exhibits``.
"""
