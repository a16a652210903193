"""Finds files of gensim's test data, which its wheel installs, without importing gensim."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from lmcompare.errors import LmcompareError


def missing(file: str) -> str:
    """Return why ``file`` of gensim's test data cannot be read, or "" if it can."""
    spec = find_spec("gensim")
    if spec is None or not spec.submodule_search_locations:
        return "gensim is not installed"
    if data_path(file).is_file():
        return ""
    return f"the installed gensim lacks its test file {file}"


def data_path(file: str) -> Path:
    """Return the path of ``file`` in gensim's test data; gensim must be installed."""
    spec = find_spec("gensim")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places or ["gensim"]))) / "test" / "test_data" / file


def located(file: str, corpus: str) -> Path:
    """Return the path of ``file``, from which the embedded ``corpus`` is read.

    Raises
    ------
    LmcompareError
        If gensim, or this file of it, is not installed.
    """
    reason = missing(file)
    if reason:
        raise LmcompareError(
            f"the embedded corpus '{corpus}' cannot be read because {reason}; "
            "run pip install 'gensim>=4.3.3', or give a file or folder of your own as the corpus"
        )
    return data_path(file)
