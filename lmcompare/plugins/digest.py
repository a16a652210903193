"""Digests of a plug-in's source code, by which a run notices that a model has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lmcompare.model import LanguageModel
from lmcompare.plugins.models import resolve
from lmcompare.registry import source_of


def source_digest(model: LanguageModel) -> str:
    """Return a digest of the code that a model's figures come from, so that a change to it is noticed.

    It takes in the code of the plug-in, as ``code_digest`` does, and what every model stands on: the contract,
    ``tokens/`` and ``training/``.
    """
    digest = hashlib.sha256(_code(model))
    package = Path(__file__).parent.parent
    shared = (p for part in ("model", "tokens", "training") for p in sorted((package / part).rglob("*.py")))
    for path in [package / "state.py", *shared]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def code_digest(model: LanguageModel) -> str:
    """Return a digest of the plug-in's own code.

    It takes in the class's module, the modules of the same package (of a plug-in's file: of the same folder) that it
    names, directly or through others, and the same of the plug-ins that the model names in ``bases``.
    """
    return hashlib.sha256(_code(model)).hexdigest()[:16]


def _code(model: LanguageModel) -> bytes:
    return source_of([type(model), *(resolve(getattr(model, name)) for name in model.bases)])
