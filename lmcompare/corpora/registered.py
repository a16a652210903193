"""The registries of corpus formats and corpus schemes, and the listings that ``lmcompare corpora`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lmcompare.corpora.contract import CorpusFormat, CorpusScheme, checked_format, checked_scheme
from lmcompare.errors import PluginError, blamed_on
from lmcompare.registry import Registry

FORMATS = Registry("lmcompare.corpus_formats", "corpus format", checked_format)
SCHEMES = Registry("lmcompare.corpus_schemes", "corpus scheme", checked_scheme)


@dataclass(frozen=True)
class CatalogueEntry:
    """A line of ``lmcompare corpora``.

    Parameters
    ----------
    name : str
        What the user writes: ``lee``, ``nltk:NAME``; of a format its name.
    description : str
        What is read.
    available : bool
        Whether it can be used on this machine.
    reason : str
        Why it cannot be used, or "".
    suffixes : tuple of str
        The suffixes of a format.
    """

    name: str
    description: str
    available: bool
    reason: str
    suffixes: tuple[str, ...] = ()


def catalogue() -> tuple[CatalogueEntry, ...]:
    """Return the schemes: the corpora that can be asked for by name. No corpus is read."""

    def entry(name: str) -> CatalogueEntry:
        scheme = SCHEMES.resolve(name)
        with blamed_on(f"corpus scheme '{name}'"):
            reason = scheme.missing()
        shown = f"{name}:{scheme.argument}" if scheme.argument else name
        return CatalogueEntry(shown, scheme.description, not reason, reason)

    return _entries(SCHEMES, entry)


def format_catalogue() -> tuple[CatalogueEntry, ...]:
    """Return the formats of files that can be read."""

    def entry(name: str) -> CatalogueEntry:
        each = FORMATS.resolve(name)
        return CatalogueEntry(name, each.description, True, "", each.suffixes)

    return _entries(FORMATS, entry)


def _entries(
    registry: Registry[CorpusFormat] | Registry[CorpusScheme], entry: Callable[[str], CatalogueEntry]
) -> tuple[CatalogueEntry, ...]:
    """The entries of all installed plug-ins; one that cannot be imported says why."""
    found = []
    for name in _in_order(registry):
        try:
            found.append(entry(name))
        except PluginError as error:
            found.append(CatalogueEntry(name, "", False, str(error)))
    return tuple(found)


class FormatFinder:
    """Finds the formats of files, by suffix and then by first bytes; built-in formats go first.

    A format of another package is imported only for a file whose suffix no built-in format has.

    Parameters
    ----------
    named : str, optional
        The format of all files, if the user has named one.
    """

    def __init__(self, named: str | None = None) -> None:
        self._named = named
        self._names = _in_order(FORMATS) if named is None else [named]
        self._loaded: dict[str, CorpusFormat] = {}

    def by_suffix(self, suffix: str) -> tuple[str, CorpusFormat] | None:
        """Return the name and the format of files with this suffix, or None."""
        for name, each in self._formats():
            if suffix in each.suffixes or name == self._named:
                return name, each
        return None

    def by_first_bytes(self, raw: bytes) -> tuple[str, CorpusFormat] | None:
        """Return the name and the format of files that begin like ``raw``, or None."""
        for name, each in self._formats():
            if any(raw.startswith(start) for start in each.first_bytes):
                return name, each
        return None

    def _formats(self) -> Iterator[tuple[str, CorpusFormat]]:
        for name in self._names:
            if name not in self._loaded:
                self._loaded[name] = FORMATS.resolve(name)
            yield name, self._loaded[name]


def _in_order(registry: Registry[CorpusFormat] | Registry[CorpusScheme]) -> list[str]:
    """The names of a registry: those of lmcompare, then those of other packages."""
    own = {name: point.module.startswith("lmcompare.") for name, point in registry.installed().items()}
    return sorted(own, key=lambda name: (not own[name], name))
