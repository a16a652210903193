"""The registries of corpus formats and corpus schemes, and the listings that ``lmcompare corpora`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

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
        What the user writes: ``lee``, ``nltk:NAME``; for a format, its name.
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
    for name in chain(*_own_and_others(registry)):
        try:
            found.append(entry(name))
        except PluginError as error:
            found.append(CatalogueEntry(name, "", False, str(error)))
    return tuple(found)


class FormatFinder:
    """Finds the formats of files, by first bytes and then by suffix; built-in formats go first.

    Formats of other packages are imported only for a file that no built-in format claims.

    Parameters
    ----------
    named : str, optional
        The format of all files, if the user has named one.
    """

    def __init__(self, named: str | None = None) -> None:
        self._named = named
        own, others = _own_and_others(FORMATS)
        self._groups = [own, others] if named is None else [[named]]
        self._loaded: dict[str, CorpusFormat] = {}

    def by_suffix(self, suffix: str) -> tuple[str, CorpusFormat] | None:
        """Return the name and the format of files with this suffix, or None."""
        return next(filter(None, (self._of_suffix(group, suffix) for group in self._groups)), None)

    def by_content(self, raw: bytes, suffix: str) -> tuple[str, CorpusFormat] | None:
        """Return the name and the format of files that begin like ``raw``, or else have this suffix, or None."""
        for group in self._groups:
            for name, each in self._formats(group):
                if any(raw.startswith(start) for start in each.first_bytes):
                    return name, each
            if found := self._of_suffix(group, suffix):
                return found
        return None

    def _of_suffix(self, names: Iterable[str], suffix: str) -> tuple[str, CorpusFormat] | None:
        for name, each in self._formats(names):
            if suffix in each.suffixes or name == self._named:
                return name, each
        return None

    def _formats(self, names: Iterable[str]) -> Iterator[tuple[str, CorpusFormat]]:
        for name in names:
            if name not in self._loaded:
                self._loaded[name] = FORMATS.resolve(name)
            yield name, self._loaded[name]


def _own_and_others(registry: Registry[CorpusFormat] | Registry[CorpusScheme]) -> tuple[list[str], list[str]]:
    """The names of a registry: those of lmcompare, and those of other packages."""
    names = sorted(registry.installed())
    own = [name for name in names if registry.is_built_in(name)]
    return own, [name for name in names if name not in own]
