"""The built-in language models, a folder for each family.

Every family uses the same file names: ``plugin.py`` has the model as the harness sees it, ``network.py`` (torch) or
``estimator.py`` (counts) has its computations, ``exhibits.py`` its explanations for the report; a short one is
part of ``plugin.py``. ``common`` has the parts that several families share. A model is loaded by its entry point when
it is asked for.
"""
