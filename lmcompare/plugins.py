"""A plug-in's name, ``module:Class`` or ``./file.py:Class`` to its class, loaded when asked for and not before."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from lmcompare.errors import PluginError, one_line, suggest, unknown, what_went_wrong
from lmcompare.model import LanguageModel, described

GROUP = "lmcompare.models"
PRESETS = ("quick", "default", "full")
_KINDS: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "nothing",
}
OF_FILE = "_lmcompare_plugin_"  # begins the names of modules that are read from a plug-in's file
_named: ContextVar[Mapping[str, str | type[LanguageModel]] | None] = ContextVar("named", default=None)


def installed() -> dict[str, EntryPoint]:
    """Return the plug-ins of all installed packages by name, unloaded; nobody can take a built-in model's name."""
    points = sorted(entry_points(group=GROUP), key=lambda p: (p.name, _is_own(p)))
    return {point.name: point for point in points}  # of two of one name the last, ours


def is_built_in(plugin: str) -> bool:
    """Return whether a name is that of a model that comes with lmcompare."""
    point = installed().get(plugin)
    return point is not None and _is_own(point)


def _is_own(point: EntryPoint) -> bool:
    return point.module.partition(".")[0] == "lmcompare"


def resolve(plugin: str) -> type[LanguageModel]:
    """Return the class behind a plug-in's name, ``module:Class`` or ``path/to/file.py:Class``.

    Raises ``PluginError`` if there is none of that name, it can't be imported, it is not a ``LanguageModel``, or a
    run folder names it and nobody else (see ``only_installed``).
    """
    if ":" in plugin and (named := _named.get()) is not None:
        if (found := named.get(plugin) or named.get(_wherever(plugin))) is None:
            raise PluginError(
                f"'{plugin}' is not installed, and a run folder is not trusted to name code: if it is yours, name it"
                " again (--plugin, or plugin=… of Comparison.model)"
            )
        if not isinstance(found, str):
            return checked_class(found, plugin)
        plugin = found
    if ":" not in plugin:
        points = installed()
        if plugin.endswith(".py"):
            raise PluginError(f"'{plugin}' names a file but no class in it: write '{plugin}:Class'")
        if plugin not in points:
            hint = " (a plug-in of your own is named 'module:Class' or './file.py:Class')"
            raise PluginError(unknown("model", plugin, points) + hint)
        return checked_class(_loaded(plugin, points[plugin].load), plugin)
    home, _, name = plugin.rpartition(":")
    if not home.endswith(".py") and ("/" in home or "\\" in home):
        raise PluginError(f"'{home}' is no Python file: a plug-in of your own is './file.py:Class' or 'module:Class'")
    if home.endswith(".py"):
        module = _loaded(plugin, lambda: _import_file(Path(home)))
    else:
        module = _loaded(plugin, lambda: _import_module(home))
    found = getattr(module, name, None)
    if found is None:
        classes = [n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, LanguageModel)]
        raise PluginError(f"'{home}' has no class '{name}'{suggest(name, classes)}")
    return checked_class(found, plugin)


@contextmanager
def only_installed(*named: str | type[LanguageModel]) -> Iterator[None]:
    """Let ``resolve`` find installed plug-ins and those that the caller has ``named``, and no others.

    A run folder may come from anywhere, and says which class its models are of: nothing that it says may run code. A
    plug-in's file may have moved since, so it is found by the names of file and class.
    """
    by_name = {each if isinstance(each, str) else _home(each): each for each in named}
    token = _named.set({**{_wherever(name): each for name, each in by_name.items()}, **by_name})
    try:
        yield
    finally:
        _named.reset(token)


def named_in(parameters: Mapping[str, Any]) -> list[str]:
    """Return the hyper-parameters that may name plug-ins which are not installed: texts with a colon."""
    return [value for value in parameters.values() if isinstance(value, str) and ":" in value]


def _home(cls: type[LanguageModel]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _wherever(plugin: str) -> str:
    """Return "module:Class" as it is, and of "path/to/file.py:Class" what stays when the file moves."""
    home, _, name = plugin.rpartition(":")
    if home.startswith(OF_FILE):  # a class of a file, named by its module
        home = Path(getattr(sys.modules.get(home), "__file__", None) or home).name
    return f"{Path(home).name if home.endswith('.py') else home}:{name}"


def summary(plugin: str) -> str:
    """Return what the class behind a plug-in's name says of itself. Raises ``PluginError`` as ``resolve`` does."""
    return described(resolve(plugin))


def build(plugin: str | type[LanguageModel], parameters: Mapping[str, Any], preset: str = "") -> LanguageModel:
    """Make an untrained model; ``parameters`` go before those of the class's preset of this name.

    Raises ``PluginError`` for a hyper-parameter that the model does not have or a value that it refuses.
    """
    cls = resolve(plugin) if isinstance(plugin, str) else checked_class(plugin, plugin.__name__)
    names = cls.parameter_names()
    for name in parameters:
        if name not in names:
            what = f"hyper-parameter of {plugin if isinstance(plugin, str) else cls.__name__}"
            raise PluginError(unknown(what, name, names))
    given = {**cls.presets.get(preset, {}), **parameters}
    _check_kinds(cls, given)
    try:
        return cls(**given)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{cls.__name__} refuses its hyper-parameters: {one_line(error)}") from error


def spec(cls: type[LanguageModel]) -> str:
    """Return what ``resolve`` finds the class by in another process: "module:Class" or "path/to/file.py:Class".

    Raises ``PluginError`` for a class that stands in no file, as in a notebook.
    """
    home = cls.__module__
    if home.startswith(OF_FILE) or home == "__main__":
        home = getattr(sys.modules[home], "__file__", None) or ""
    if not home or "." in cls.__qualname__:
        raise PluginError(f"{cls.__qualname__} can't be made anew in another process: put it on its own into a file")
    return f"{home}:{cls.__qualname__}"


def _check_kinds(cls: type[LanguageModel], given: Mapping[str, Any]) -> None:
    """Compare values with the annotations of ``__init__`` where these name whole numbers, numbers, texts or truths.

    Raises ``PluginError`` for a value of another kind, and for a number that is infinite or none.
    """
    try:
        hints = get_type_hints(cls.__init__)
    except Exception:  # a plug-in may name what can't be looked up from here
        return
    for name, value in given.items():
        hint = hints.get(name)
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        if all(kind in _KINDS for kind in kinds) and not any(_is_a(value, kind) for kind in kinds):
            expected = " or ".join(_KINDS[kind] for kind in kinds)
            raise PluginError(f"{name} of {cls.__name__} is {expected}, not {value!r}")


def _is_a(value: object, kind: object) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is kind


def source_digest(model: LanguageModel) -> str:
    """Return a digest of the code that a model's figures come from, so that a change to it is noticed.

    It takes in the code of the plug-in, as ``code_digest`` does, and what every model stands on: the contract,
    ``tokens/`` and ``training/``.
    """
    digest = hashlib.sha256(_code(model))
    package = Path(__file__).parent
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
    package, folder = module.partition(".")[0], _folder(module) if module.startswith(OF_FILE) else None
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


def _import_module(name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.append(here)  # a console script does not look where its user stands
    return importlib.import_module(name)


def _import_file(path: Path) -> Any:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise PluginError(f"there is no plug-in file {path}: check the path before the colon")
    name = f"{OF_FILE}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} can't be imported as Python")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # it may be in several files; at the end, so that they shadow nothing
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and inspect look a class's module up by name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _loaded(plugin: str, load: Any) -> Any:
    try:
        return load()
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"plug-in '{plugin}' can't be imported: {what_went_wrong(error)}") from error


def checked_class(found: Any, plugin: str) -> type[LanguageModel]:
    """Return a class that is a whole plug-in. Raises ``PluginError`` for one that is not, naming it ``plugin``."""
    if not (inspect.isclass(found) and issubclass(found, LanguageModel)):
        raise PluginError(f"plug-in '{plugin}' is not a class derived from lmcompare.LanguageModel")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(found.__abstractmethods__))
        raise PluginError(f"plug-in '{plugin}' lacks {lacking}")
    return found
