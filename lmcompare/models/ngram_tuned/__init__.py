"""The n-gram model whose discounts and strengths are tuned on the validation text.

Reading order: ``discount_classes`` (which n-grams share a discount), ``estimator`` (the table for given parameters),
``held_out`` (the likelihood of a text), ``tuning`` (the parameters that maximise it), ``plugin``, ``exhibits``.
"""
