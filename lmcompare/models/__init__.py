"""The built-in language models: a module each, or a folder for a family of several modules.

One file tells the idea of a model: its hyper-parameters and its equations with their shapes. In a folder this is
``network.py`` (torch), ``estimator.py`` (counts), or a file with the name of the idea. Beside it lie ``exhibits.py``,
the explanations for the report, and tricks of speed; ``plugin.py`` has the model as the harness sees it, if that is
not in the same file. ``common`` has the parts that several families share. A model is loaded by its entry point when
it is asked for.
"""
