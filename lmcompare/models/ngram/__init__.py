"""The n-gram model with Kneser-Ney smoothing or another classical smoothing method.

Reading order: ``kneser_ney`` (the default method), ``smoothing`` (what all methods have in common), ``methods``,
``plugin``, ``exhibits``.
"""
