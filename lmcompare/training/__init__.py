"""What the models built on torch share: one training loop, batches, softmax, checkpoints, precision.

A plug-in of your own derives from ``TorchLanguageModel`` (training/language_model.py), hands it a ``Network`` and a
``Recipe``, and gets fit, scoring, generation and storage. docs/models-neural.md shows one in full.
"""
