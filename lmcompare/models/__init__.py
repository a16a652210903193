"""The built-in language models, a folder for each family.

Every family uses the same file names: ``plugin.py`` is the model as the harness sees it, ``network.py`` (torch) or
``estimator.py`` (counts) is what it computes, ``exhibits.py`` is how it explains itself. ``common`` holds what
several families share. A model is loaded by its entry point when it is asked for.
"""
