"""The registry of tokenizers."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Mapping
from typing import Any, get_args

from lmcompare import registry
from lmcompare.errors import LmcompareError, PluginError, blamed_on, kind_of, one_line, unknown
from lmcompare.registry import Registry, names_class
from lmcompare.state import State
from lmcompare.tokens.tokenizer import Covers, Tokenizer

VOCABULARY_KEYS = ("min_count", "size")
DEFAULT = "word"


def checked_class(found: Any, name: str) -> type[Tokenizer]:
    """Return ``found`` if it is the class of a complete tokenizer.

    Raises
    ------
    PluginError
        If it is not; the message calls it ``name``.
    """
    if not (inspect.isclass(found) and issubclass(found, Tokenizer)):
        raise PluginError(f"'{name}' is not a class derived from lmcompare.tokens.Tokenizer")
    if inspect.isabstract(found):
        raise PluginError(
            f"the tokenizer '{name}' does not define {', '.join(sorted(found.__abstractmethods__))}, which every"
            " tokenizer must define"
        )
    if not isinstance(getattr(found, "description", None), str):
        raise PluginError(f"the tokenizer '{name}' has no description: give its class one sentence for the report")
    if not isinstance(found.rule, str):
        raise PluginError(f"the rule of the tokenizer '{name}' must be a text, not {kind_of(found.rule)}")
    if type(found.usual_min_count) is not int or found.usual_min_count < 1:
        raise PluginError(
            f"usual_min_count of the tokenizer '{name}' must be a whole number, 1 or more, not"
            f" {reprlib.repr(found.usual_min_count)}"
        )
    if found.covers not in get_args(Covers):
        raise PluginError(
            f"covers of the tokenizer '{name}' must be one of {', '.join(get_args(Covers))}, not {found.covers!r}"
        )
    return found


TOKENIZERS: Registry[type[Tokenizer]] = Registry("lmcompare.tokenizers", "tokenizer", checked_class)


def is_tokenizer(name: str) -> bool:
    """Return whether a tokenizer has this name; ``"module:Class"`` and ``"./file.py:Class"`` are names, too.

    A class that is derived from ``Tokenizer`` counts as a tokenizer even if it is not complete.
    """
    return names_class(name, Tokenizer) if ":" in name else name in TOKENIZERS.installed()


def table_of(spec: str) -> dict[str, Any]:
    """Return the table of a tokenizer that is given in a short form.

    Parameters
    ----------
    spec : str
        A kind; a kind and the value of its first option, such as ``"bpe:4000"``; or the path of a ``tokenizer.json``.
    """
    kind, colon, value = spec.partition(":")
    if spec.endswith(".json") and kind not in TOKENIZERS.installed():
        return {"kind": "saved", "path": spec}
    if colon and kind not in TOKENIZERS.installed() and value.isdecimal():
        raise LmcompareError(unknown("tokenizer", kind, TOKENIZERS.installed()))
    if not colon or kind not in TOKENIZERS.installed():
        return {"kind": spec}
    if not value:
        raise LmcompareError(
            f"'{spec}' has no value after the colon; give one, such as bpe:4000, or leave the colon out"
        )
    cls = TOKENIZERS.resolve(kind)
    options = cls.option_names()
    if not options:
        raise LmcompareError(f"the {kind} tokenizer has no options; leave ':{value}' out")
    is_number = value.isdecimal() and options[0] not in cls.files
    return {"kind": kind, options[0]: int(value) if is_number else value}


def make_tokenizer(table: Mapping[str, Any], state: State | None = None) -> Tokenizer:
    """Make the tokenizer of an experiment's ``[tokens]`` table.

    Parameters
    ----------
    table : mapping
        ``kind``, the name of the tokenizer or ``"module:Class"`` or ``"./file.py:Class"``, and its options. The
        vocabulary's limits, ``min_count`` and ``size``, may be in the table too and are ignored here.
    state : State, optional
        The state of an earlier tokenizer that was made from this table and fitted.

    Raises
    ------
    LmcompareError
        For an unknown tokenizer or option, and for a tokenizer that refuses its options or its state.
    """
    options = {key: value for key, value in table.items() if key not in VOCABULARY_KEYS}
    kind = options.pop("kind", DEFAULT)
    if not isinstance(kind, str):
        raise LmcompareError(f"kind must be the name of a tokenizer, not {kind!r}")
    cls = TOKENIZERS.resolve(kind)
    known = cls.option_names()
    for key in options:
        if key not in known:
            raise LmcompareError(unknown(f"option of the {kind} tokenizer", key, ("kind", *known, *VOCABULARY_KEYS)))
    try:
        tokenizer = cls(**options)
    except (Exception, SystemExit) as error:
        raise PluginError(f"the tokenizer {kind} refuses its options: {one_line(error)}") from error
    tokenizer.kind = registry.spec(cls) if ":" in kind else kind
    if state is not None:
        with blamed_on(f"{cls.__name__}'s restore"):
            tokenizer.restore(state)
    return tokenizer


def is_built_in(tokenizer: Tokenizer) -> bool:
    """Return whether the tokenizer comes with lmcompare."""
    return type(tokenizer).__module__.partition(".")[0] == "lmcompare"


def listing() -> list[tuple[str, str, bool]]:
    """Return the name and the description of each installed tokenizer, and whether it can be imported.

    The description of a tokenizer that can't be imported says why.
    """
    rows = []
    for name in sorted(TOKENIZERS.installed()):
        try:
            rows.append((name, TOKENIZERS.resolve(name).description, True))
        except PluginError as error:
            rows.append((name, str(error), False))
    return rows
