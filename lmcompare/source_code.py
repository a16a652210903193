"""The source code that a plug-in is made of: its modules, and those of its package or folder that they import."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from lmcompare.registry import FILE_MODULE

_Files = dict[str, Path | None]


@dataclass(frozen=True)
class _Place:
    """Where the modules of a plug-in are: those of one package, or the files of a user's folder."""

    folder: Path
    package: str  # "" for a user's folder

    def file_of(self, module: str) -> Path | None:
        """Return the file of a module; None if the module is not in this place."""
        if self.package and module.partition(".")[0] != self.package:
            return None
        path = self.folder.joinpath(*module.split("."))
        return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def source_of(classes: Iterable[type]) -> bytes:
    """Return the source code that plug-ins are made of, so that a change to it can be noticed.

    It is that of each class's module and of the modules of the same package (for a user's file: of the same folder)
    that it imports, directly or through others, at the top of a module or inside a function.
    """
    sources: dict[str, bytes] = {}
    for cls in classes:
        sources |= _sources_of(cls.__module__)
    return b"".join(sources[name] for name in sorted(sources))


def source_without(cls: type, methods: Collection[str]) -> bytes:
    """Return the source code that a class is made of without some of its methods, and without what only they import.

    It is that of its module, without these methods, and of the modules of the same package or folder that it imports.
    """
    file = _file(cls.__module__)
    if file is None:
        return cls.__module__.encode()
    lines = file.read_text("utf-8").splitlines(keepends=True)
    bodies = [node.body for node in ast.parse("".join(lines)).body if isinstance(node, ast.ClassDef)]
    for node in (node for body in bodies for node in body):
        if isinstance(node, ast.FunctionDef) and node.name in methods:
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
    own = {cls.__module__: "".join(lines).encode()}
    sources = _sources_of(cls.__module__, {cls.__module__: file}, own)
    return b"".join(sources[name] for name in sorted(sources))


def _sources_of(module: str, open_: _Files | None = None, given: Mapping[str, bytes] = {}) -> dict[str, bytes]:
    """Return the source of a module and of what it imports, by name; that of a module without a file is its name.

    ``open_``: the modules to begin with, by default the module and what it has loaded; ``given``: sources that are
    not read from their files.
    """
    place = _place_of(module)
    file_of = None if place is None else cache(place.file_of)
    open_ = {name: _file(name) for name in _loaded_by(module)} if open_ is None else open_
    found: dict[str, bytes] = {}
    while open_:
        name, file = open_.popitem()
        found[name] = name.encode()
        if file is None:
            continue
        with suppress(OSError):
            found[name] = given[name] if name in given else file.read_bytes()
        if file_of is not None:
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            for base, names in _imported(found[name], package):
                files = {f"{base}.{each}": file_of(f"{base}.{each}") for each in names}
                if None in files.values() or not files:  # a name that is not a module is defined in this one
                    files[base] = file_of(base)
                open_ |= {other: there for other, there in files.items() if there is not None and other not in found}
    return found


def _place_of(module: str) -> _Place | None:
    """Return the place of a plug-in's module and of the modules beside it; None if the module has no file."""
    if module.startswith(FILE_MODULE):
        file = _file(module)
        return None if file is None else _Place(file.parent, "")
    package = module.partition(".")[0]
    folders = list(getattr(sys.modules[package], "__path__", ()))
    return _Place(Path(folders[0]).parent, package) if folders else None


def _file(module: str) -> Path | None:
    file = getattr(sys.modules[module], "__file__", None)
    return Path(file).resolve() if file and file.endswith(".py") else None


def _loaded_by(module: str) -> set[str]:
    """Return a module and the modules of its place whose functions or classes it has imported, directly or not."""
    package, file = module.partition(".")[0], _file(module)
    folder = file.parent if file is not None and module.startswith(FILE_MODULE) else None
    found, open_ = {module}, [module]
    while open_:
        for value in vars(sys.modules[open_.pop()]).values():
            home = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
            if not isinstance(home, str) or home not in sys.modules or home in found:
                continue
            beside = folder is not None and (there := _file(home)) is not None and there.parent == folder
            if beside or home.partition(".")[0] == package:
                found.add(home)
                open_.append(home)
    return found


@lru_cache(maxsize=1024)
def _imported(source: bytes, package: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the modules that a source imports, each with the names that it imports from it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found: list[tuple[str, tuple[str, ...]]] = []
    for statement in _imports_in(tree.body):
        if isinstance(statement, ast.Import):
            found += [(alias.name, ()) for alias in statement.names]
            continue
        parts = package.split(".")[: 1 - statement.level or None] if statement.level else []
        base = ".".join([*parts, *filter(None, [statement.module])])
        found.append((base, tuple(alias.name for alias in statement.names)))
    return tuple(found)


def _imports_in(statements: Iterable[ast.AST]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports in statements, except those that only a type checker reads."""
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        elif not (isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")):
            for part in ("body", "handlers", "orelse", "finalbody", "cases"):
                yield from _imports_in(getattr(statement, part, ()))
