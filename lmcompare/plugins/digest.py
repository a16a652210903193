"""Digests of a plug-in's source code, by which a run notices that a model has changed."""

from __future__ import annotations

import hashlib
import inspect
import sys
from pathlib import Path

from lmcompare.model import LanguageModel
from lmcompare.plugins.models import resolve
from lmcompare.registry import FILE_MODULE


def source_digest(model: LanguageModel) -> str:
    """Return a digest of the code that a model's figures come from, so that a change to it is noticed.

    It takes in the code of the plug-in, as ``code_digest`` does, and what every model stands on: the contract,
    ``tokens/`` and ``training/``.
    """
    digest = hashlib.sha256(_code(model))
    package = Path(__file__).parent.parent
    shared = (p for part in ("tokens", "training") for p in sorted((package / part).rglob("*.py")))
    for path in [package / "model.py", *shared]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def code_digest(model: LanguageModel) -> str:
    """Return a digest of the plug-in's own code.

    It takes in the class's module, the modules of the same package (of a plug-in's file: of the same folder) that it
    names, directly or through others, and the same of the plug-ins that the model names in ``bases``.
    """
    return hashlib.sha256(_code(model)).hexdigest()[:16]


def _code(model: LanguageModel) -> bytes:
    code = b""
    classes = [type(model), *(resolve(getattr(model, name)) for name in model.bases)]
    for name in sorted(set().union(*(_stands_on(cls.__module__) for cls in classes))):
        try:
            code += inspect.getsource(sys.modules[name]).encode()
        except (OSError, TypeError, KeyError):
            code += name.encode()
    return code


def _stands_on(module: str) -> set[str]:
    """Return a module and those of its own package, or beside its own file, that it names, at any remove."""
    package, folder = module.partition(".")[0], _folder(module) if module.startswith(FILE_MODULE) else None
    found, open_ = {module}, [module]
    while open_:
        for value in vars(sys.modules[open_.pop()]).values():
            home = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
            if not isinstance(home, str) or home not in sys.modules or home in found:
                continue
            if home.partition(".")[0] == package or (folder is not None and _folder(home) == folder):
                found.add(home)
                open_.append(home)
    return found


def _folder(module: str) -> Path | None:
    file = getattr(sys.modules[module], "__file__", None)
    return Path(file).resolve().parent if file else None
