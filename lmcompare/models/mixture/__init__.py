"""Mixtures of n-gram models over words, over word classes and with gaps.

Reading order: ``chains`` (what a context consists of, the counts after contexts, and one smoothed model),
``mixtures`` (several, weighted by gates, and their training), ``word_classes`` (clustering) and ``plugin`` (the three
models and their exhibits).
"""
