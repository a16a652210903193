"""Registries: plug-ins of one kind, found by a name, ``module:Name`` or ``./file.py:Name``, and their source code.

Models, tokenizers, corpus formats, corpus schemes, kinds of exhibit and studies each have one ``Registry``. A package
brings a plug-in by an entry point in the registry's group; a user's own file needs no package. Nothing is imported
before it is asked for.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from lmcompare.errors import (
    LmcompareError,
    PluginError,
    expanded,
    suggest,
    unknown,
    what_went_wrong,
    working_directory,
)

T = TypeVar("T")

OWN_HINT = " (a plug-in of your own is named 'module:Name' or './file.py:Name')"

FILE_MODULE = "_lmcompare_plugin_"  # begins the names of modules that are imported from a user's file
_allowed: ContextVar[Mapping[str, Any] | None] = ContextVar("allowed", default=None)


@dataclass(frozen=True)
class Registry(Generic[T]):
    """The plug-ins of one kind.

    Parameters
    ----------
    group : str
        The entry-point group, such as ``"lmcompare.models"``.
    noun : str
        What one of them is called in messages, such as ``"model"``.
    checked : callable
        ``checked(found, name)`` returns the object if it is a plug-in of this kind, and raises ``PluginError``, one
        sentence that names it as ``name``, if it is not.
    trusted : str
        How a user says that code which only a run folder names may run.
    """

    group: str
    noun: str
    checked: Callable[[Any, str], T]
    trusted: str = "--plugin, or plugin=… of Comparison.model"

    def installed(self) -> dict[str, EntryPoint]:
        """Return the entry points of all installed packages by name, not loaded.

        If two have the same name, lmcompare's own is returned: nobody can replace a built-in plug-in.
        """
        points = sorted(_entry_points(self.group, _searched()), key=lambda p: (p.name, _is_own(p)))
        return {point.name: point for point in points}

    def is_built_in(self, name: str) -> bool:
        """Return whether ``name`` is a plug-in that comes with lmcompare."""
        if _is_own_module(name):
            return True
        point = self.installed().get(name)
        return point is not None and _is_own(point)

    def resolve(self, name: str) -> T:
        """Import and return a plug-in.

        Parameters
        ----------
        name : str
            The name of an installed plug-in, ``"module:Name"`` or ``"path/to/file.py:Name"``.

        Raises
        ------
        PluginError
            If no plug-in has that name, if it can't be imported, if it is not of this kind, or if only a run folder
            asks for code that is not installed (see ``only_installed``).
        """
        if ":" in name and not _is_own_module(name) and (allowed := _allowed.get()) is not None:
            found = allowed.get(name, allowed.get(_without_folder(name)))
            if found is None:
                raise PluginError(
                    f"'{name}' is not installed, and code is not run because a run folder names it: name it yourself"
                    f" if you trust it ({self.trusted})"
                )
            if not isinstance(found, str):
                return self.checked(found, name)
            name = found
        if ":" in name:
            return self._from_module(name)
        if name.endswith(".py"):
            raise PluginError(f"'{name}' names a file but no {self.noun} in it: write '{name}:Name'")
        points = self.installed()
        if name not in points:
            raise PluginError(unknown(self.noun, name, points) + OWN_HINT)
        return self.checked(_loaded(name, points[name].load), name)

    def _from_module(self, spec: str) -> T:
        home, _, name = spec.rpartition(":")
        if not home.endswith(".py") and not all(part.isidentifier() for part in home.split(".")):
            raise PluginError(f"'{home}' is not a Python file or module: write './file.py:Name' or 'module:Name'")
        load = _import_file if home.endswith(".py") else _import_module
        module = _loaded(spec, lambda: load(home))
        if not hasattr(module, name):
            fitting = [other for other, value in vars(module).items() if self._accepts(value)]
            raise PluginError(f"'{home}' has no {self.noun} '{name}'{suggest(name, fitting)}")
        return self.checked(getattr(module, name), spec)

    def _accepts(self, value: object) -> bool:
        try:
            self.checked(value, "")
        except PluginError:
            return False
        return True


@contextmanager
def only_installed(*allowed: str | type) -> Iterator[None]:
    """Let every registry find installed plug-ins and those that the caller allows, and no others.

    A run folder may come from anywhere, and it names the plug-ins that made it: nothing that it names may run code. A
    plug-in's file may have moved since, so it is found by the names of file and class.

    Parameters
    ----------
    *allowed : str or type
        Plug-ins that the user has named: ``"module:Name"``, ``"path/to/file.py:Name"`` or the class itself.
    """
    by_name = {a if isinstance(a, str) else f"{a.__module__}:{a.__qualname__}": a for a in allowed}
    token = _allowed.set({**{_without_folder(name): each for name, each in by_name.items()}, **by_name})
    try:
        yield
    finally:
        _allowed.reset(token)


def spec(cls: type) -> str:
    """Return the name by which another process finds the class: "module:Class" or "path/to/file.py:Class".

    Raises
    ------
    PluginError
        For a class that is not in a file, as in a notebook.
    """
    home = cls.__module__
    if home.startswith(FILE_MODULE) or home == "__main__":
        home = getattr(sys.modules[home], "__file__", None) or ""
    if not home or "." in cls.__qualname__:
        raise PluginError(
            f"{cls.__qualname__} can't be imported by another process: put it at the top level of a file"
        )
    return f"{home}:{cls.__qualname__}"


ANYTHING: Registry[Any] = Registry("", "plug-in", lambda found, _: found)  # "module:Name" or "file.py:Name"


def names_class(name: str, base: type) -> bool:
    """Return whether "module:Class" or "path/to/file.py:Class" is a class derived from ``base``, complete or not."""
    try:
        found = ANYTHING.resolve(name)
    except PluginError:
        return False
    return inspect.isclass(found) and issubclass(found, base)


def absolute(name: str, folder: Path) -> str:
    """Return the name of a plug-in, with the path made absolute if it names a file, relative to ``folder``."""
    home, colon, cls = name.rpartition(":")
    if colon and home.endswith(".py"):
        try:
            return f"{(folder / expanded(home)).resolve()}:{cls}"
        except ValueError:  # characters that no name of a file can have
            raise PluginError(f"{home!r} can't be the path of a plug-in's file: check the path") from None
    return name


def placed(path: str, folder: Path) -> str:
    """Return a path made absolute, relative to ``folder``.

    A path that does not exist is returned as it was written: it may be the name of something in a cache, such as a
    model of a hub.
    """
    try:
        here = folder / expanded(path)
        return str(here.resolve()) if here.exists() or expanded(path).exists() else path
    except OSError:  # too long for the name of a file
        return path


@lru_cache(maxsize=64)
def _entry_points(group: str, searched: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group: the metadata of all packages are read once, which takes 7 ms."""
    return tuple(entry_points(group=group))


def _searched() -> tuple[tuple[str, int], ...]:
    """Return the folders in which Python looks for packages, each with the time of its last change."""
    found = []
    for place in sys.path:
        with suppress(OSError, ValueError):
            found.append((place, os.stat(place or os.curdir).st_mtime_ns))
    return tuple(found)


def _is_own(point: EntryPoint) -> bool:
    return point.module.partition(".")[0] == "lmcompare"


def _is_own_module(name: str) -> bool:
    """Return whether "module:Class" names a module of this package, and not a file."""
    return re.fullmatch(r"lmcompare(\.\w+)+:\w+", name) is not None and not name.partition(":")[0].endswith(".py")


def _without_folder(name: str) -> str:
    """Return "module:Class" as it is, and "file.py:Class" for "path/to/file.py:Class"."""
    home, _, cls = name.rpartition(":")
    if home.startswith(FILE_MODULE):  # a class from a file, named by its module
        home = Path(getattr(sys.modules.get(home), "__file__", None) or home).name
    return f"{Path(home).name if home.endswith('.py') else home}:{cls}"


def _loaded(name: str, load: Callable[[], Any]) -> Any:
    try:
        working_directory()
        with chdir("."):  # a plug-in may change the working directory while it is imported
            return load()
    except LmcompareError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"plug-in '{name}' can't be imported: {what_went_wrong(error)}") from error


def _import_module(name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)  # a console script does not search the working directory
    return importlib.import_module(name)


def check_named(name: str) -> None:
    """Raise ``PluginError`` if a name that a user gave to allow code names none, or a file that is not there."""
    home, colon, _ = name.rpartition(":")
    if not colon:
        raise PluginError(f"'{name}' names no code: write 'module:Name' or './file.py:Name'")
    if home.endswith(".py"):
        _plugin_file(home)


def _plugin_file(name: str) -> Path:
    path = expanded(name).resolve()
    if not path.is_file():
        raise PluginError(f"there is no plug-in file {path}: check the path before the colon")
    return path


def _import_file(name: str) -> Any:
    path = _plugin_file(name)
    module_name = f"{FILE_MODULE}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    found = importlib.util.spec_from_file_location(module_name, path)
    if found is None or found.loader is None:
        raise PluginError(f"{path} can't be imported as Python")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # it may import its neighbours; last, so that they hide no other module
    module = importlib.util.module_from_spec(found)
    sys.modules[module_name] = module  # dataclasses and inspect look the module of a class up by name
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


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
