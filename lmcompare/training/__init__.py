"""Training and scoring of neural language models: one loop, batches, softmax, checkpoints, precision.

A plug-in derives from ``TunableLanguageModel`` (training/language_model.py), defines a ``Network``, and gets fitting,
scoring, generation and storage. docs/models-neural.md has a complete example.
"""
