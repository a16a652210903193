"""Mixtures of n-gram models over words, over word classes and with gaps.

Reading order: ``context_trees`` (what a context consists of, and the counts after contexts), ``chains`` (one smoothed
model), ``mixtures`` (several, weighted by gates, and their training), ``word_classes`` (clustering), ``plugin`` (the
three models) and ``exhibits``.
"""
