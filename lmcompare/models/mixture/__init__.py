"""Mixtures of n-gram models over words, word classes and contexts with gaps.

Reading order: ``features`` (what a context is made of), ``context_trees`` (counts after such contexts),
``discounting``, ``chains`` (one smoothed model), ``mixtures`` (several, weighted by gates), ``estimator`` (training),
``base`` and the three plug-ins.
"""
