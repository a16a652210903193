"""The built-in language models: a module each, or a folder for a family of several modules.

In a folder, ``plugin.py`` has the model as the harness sees it, ``network.py`` (torch) or ``estimator.py`` (counts)
its computations, and ``exhibits.py`` its explanations for the report; short ones are part of ``plugin.py``.
``common`` has the parts that several families share. A model is loaded by its entry point when it is asked for.
"""
