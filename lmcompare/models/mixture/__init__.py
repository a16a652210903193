"""Mixtures of n-gram models over words, over word classes and with gaps.

Reading order: ``features`` (what a context consists of), ``context_trees`` (the counts after such contexts),
``discounting`` (fitted discounts), ``chains`` (one smoothed model), ``mixtures`` (several, weighted by gates),
``word_classes`` (clustering), ``estimator`` (training), ``plugin`` (the three models) and ``exhibits``.
"""
