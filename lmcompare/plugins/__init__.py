"""Models by name: found, built from their hyper-parameters, and their code digested."""

from lmcompare.plugins.build import build
from lmcompare.plugins.digest import code_digest, source_digest
from lmcompare.plugins.models import MODELS, PRESETS, checked_class, named_in, resolve, summary
from lmcompare.registry import only_installed, spec

__all__ = [
    "MODELS",
    "PRESETS",
    "build",
    "checked_class",
    "code_digest",
    "named_in",
    "only_installed",
    "resolve",
    "source_digest",
    "spec",
    "summary",
]
