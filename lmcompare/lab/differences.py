"""How a trained condition differs from its reference: hyper-parameters and parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping

from torch import nn

from lmcompare.lab.bench import Bench
from lmcompare.lab.contract import Condition
from lmcompare.model import LanguageModel
from lmcompare.render import numbers
from lmcompare.training.language_model import TorchLanguageModel

_LAYER = re.compile(r"(.+?\.)\d+\.")
SHOWN = 6  # parameters that are named
_MISSING = object()


def of_conditions(bench: Bench, conditions: Iterable[Condition]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return for each condition but the first its name, the name of its reference, and the differences."""
    first, *others = conditions
    references: dict[str, LanguageModel] = {}
    found = []
    for condition in others:
        reference = condition.reference if condition.reference in (first, *others) else first
        if reference.name not in references:
            references[reference.name] = bench.model(reference)
        differ = list(differences(references[reference.name], bench.model(condition)))
        if condition.tokens != reference.tokens:
            differ.append(f"tokens: {condition.tokens or 'those of the text'}")
        if condition.inputs != reference.inputs:
            differ.append(condition.inputs or f"not: {reference.inputs}")
        found.append((condition.name, reference.name, tuple(differ)))
    return found


def differences(reference: LanguageModel, changed: LanguageModel) -> Iterable[str]:
    """Yield what differs between two trained models, in words."""
    if not _related(reference, changed):
        yield f"another kind of model: {changed.title()}"
        return
    before, after = reference.hyperparameters(), changed.hyperparameters()
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, _MISSING), after.get(name, _MISSING)
        if new is not _MISSING and old != new:
            yield f"{name} = {new}" + ("" if old is _MISSING else f" instead of {old}")
    if not (isinstance(reference, TorchLanguageModel) and isinstance(changed, TorchLanguageModel)):
        return
    one, other = (_parameters(model.trained_network()) for model in (reference, changed))
    for said, names in (
        ("parameters that it lacks", [name for name in one if name not in other]),
        ("parameters that only it has", [name for name in other if name not in one]),
        ("parameters of another size", [n for n in one if n in other and one[n][0] != other[n][0]]),
        ("parameters that are not trained", [n for n in one if n in other and one[n][1] and not other[n][1]]),
    ):
        if names:
            yield f"{said}: {numbers.listed(_named(names, {*one, *other}))}"


def _named(names: Iterable[str], pool: Iterable[str]) -> list[str]:
    """Return short names of some parameters of a pool.

    The parameters of a layer are named together if all of them are there. Otherwise those of the same name in several
    layers are named once, with ``*`` for the number of the layer.
    """
    those, found = set(names), dict[str, None]()
    for name in names:
        layer = _LAYER.match(name)
        whole = layer and all(other in those for other in pool if other.startswith(layer[0]))
        found[f"{layer[0]}*" if layer and whole else _LAYER.sub(r"\1*.", name)] = None
    shown = list(found)
    return shown if len(shown) <= SHOWN else [*shown[:SHOWN], f"{len(shown) - SHOWN} others"]


def _related(one: LanguageModel, other: LanguageModel) -> bool:
    """Return whether both are, or are derived from, the same plug-in."""
    plugins = (kind for kind in type(one).__mro__ if issubclass(kind, LanguageModel) and not inspect.isabstract(kind))
    return any(isinstance(other, plugin) for plugin in plugins)


def _parameters(network: nn.Module) -> Mapping[str, tuple[tuple[int, ...], bool]]:
    """Return the shape of each parameter, and whether it is trained."""
    return {name: (tuple(each.shape), each.requires_grad) for name, each in network.named_parameters()}
