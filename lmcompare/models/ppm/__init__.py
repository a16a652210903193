"""Prediction by partial matching: contexts of every length up to a limit, counted while a text is read.

Reading order: ``tables`` (the counts, and documents that are read token by token), ``plugin``.
"""
