"""Conformance checks for corpus formats and schemes, in the style of `lmcompare.testing`.

A plug-in's own tests assert that nothing is wrong::

    def test_the_format() -> None:
        assert check_format("verse_format.py:VERSE", b"# Rain\\nIt falls.\\n") == []
"""

from __future__ import annotations

import random
from collections.abc import Callable

from lmcompare.corpora.contents import Content
from lmcompare.corpora.contract import (
    FORMATS,
    SCHEMES,
    CorpusFormat,
    CorpusScheme,
    File,
    Found,
    checked_format,
    checked_found,
    checked_scheme,
)
from lmcompare.corpora.options import CorpusOptions
from lmcompare.errors import LmcompareError, what_went_wrong

_DEFAULT = CorpusOptions()
_NOT_TEXT = bytes(range(128, 256))  # not valid UTF-8, and not the beginning of a binary format
_DAMAGED = 40  # damaged copies of the sample that are tried


def check_format(
    format_or_name: CorpusFormat | str, sample: bytes, options: CorpusOptions = _DEFAULT, *, suffix: str = ""
) -> list[str]:
    """Check that a corpus format reads a sample file, and refuses what it cannot read with one sentence.

    Parameters
    ----------
    format_or_name : CorpusFormat or str
        The format, or its name: an entry point, ``module:NAME`` or ``file.py:NAME``.
    sample : bytes
        The content of a small file of this format.
    options : CorpusOptions
        The options with which the sample is read.
    suffix : str
        The suffix of the file; the default is the first one of the format.

    Returns
    -------
    list of str
        A sentence for each check that fails: ``reads-documents``, ``same-twice``, ``refuses-empty``,
        ``refuses-broken``, ``survives-damage``. Empty if all pass.
    """
    if isinstance(format_or_name, str):
        each = FORMATS.resolve(format_or_name)
    else:
        each = checked_format(format_or_name, "given")
    suffix = suffix or (each.suffixes or ("",))[0]

    def read(raw: bytes) -> Found:
        return each.read(File(Content(raw), f"sample{suffix}", f"sample{suffix}", suffix), options)

    return [
        *_reads(lambda: read(sample)),
        *_refuses("refuses-empty", "an empty file", lambda: read(b"")),
        *_refuses("refuses-empty", "a file of white space", lambda: read(b" \n\t\n")),
        *_refuses("refuses-broken", "bytes that are not text", lambda: read(_NOT_TEXT)),
        *_survives(read, sample),
    ]


def check_scheme(
    scheme_or_name: CorpusScheme | str,
    name: str = "",
    options: CorpusOptions = _DEFAULT,
    *,
    unknown: str = "no such corpus",
) -> list[str]:
    """Check that a corpus scheme reads a corpus, and refuses a name that it does not know with one sentence.

    Parameters
    ----------
    scheme_or_name : CorpusScheme or str
        The scheme, or its name: an entry point, ``module:NAME`` or ``file.py:NAME``.
    name : str
        What follows the colon in the corpus specification; "" for a scheme that is one corpus.
    options : CorpusOptions
        The options with which the corpus is read.
    unknown : str
        A name that the scheme does not know. It is not asked for if the scheme takes no name.

    Returns
    -------
    list of str
        A sentence for each check that fails: ``reads-documents``, ``same-twice``, ``refuses-unknown``. Empty if all
        pass.
    """
    if isinstance(scheme_or_name, str):
        scheme = SCHEMES.resolve(scheme_or_name)
    else:
        scheme = checked_scheme(scheme_or_name, "given")
    faults = _reads(lambda: scheme.read(name, options))
    if scheme.argument:
        faults += _refuses("refuses-unknown", f"the name '{unknown}'", lambda: scheme.read(unknown, options))
        faults += _refuses("refuses-unknown", "an empty name", lambda: scheme.read("", options))
    return faults


def _reads(read: Callable[[], Found]) -> list[str]:
    try:
        first = checked_found(read(), "it")
    except Exception as error:
        return [f"reads-documents: {_reason(error)}"]
    try:
        same = read() == first
    except Exception as error:
        return [f"same-twice: the second reading failed: {_reason(error)}"]
    return [] if same else ["same-twice: a second reading gives other documents"]


def _refuses(check: str, what: str, read: Callable[[], Found]) -> list[str]:
    try:
        found = read()
    except LmcompareError as error:
        message = str(error)
        return (
            [] if message.strip() and "\n" not in message else [f"{check}: the error for {what} is not one sentence"]
        )
    except Exception as error:
        return [f"{check}: {what} raises {what_went_wrong(error)}, not an LmcompareError"]
    return [f"{check}: {what} gives {len(found.all_pieces()):,} documents, not an LmcompareError"]


def _survives(read: Callable[[bytes], Found], sample: bytes) -> list[str]:
    """Read truncated and altered copies of the sample: each is read or refused, and nothing else is raised."""
    generator = random.Random(0)
    for number in range(_DAMAGED):
        raw = bytearray(sample)
        if number % 2:
            raw = raw[: generator.randrange(len(raw) + 1)]
        else:
            for _ in range(1 + number // 4):
                raw[generator.randrange(len(raw))] = generator.randrange(256)
        try:
            read(bytes(raw))
        except LmcompareError:
            continue
        except Exception as error:
            return [f"survives-damage: a damaged file raises {what_went_wrong(error)}, not an LmcompareError"]
    return []


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, LmcompareError) else what_went_wrong(error)
