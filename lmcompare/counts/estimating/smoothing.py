"""The smoothing methods of the n-gram model by name, and which hyper-parameters each of them heeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lmcompare.counts.estimating.absolute import Absolute
from lmcompare.counts.estimating.add_k import AddK
from lmcompare.counts.estimating.jelinek_mercer import JelinekMercer
from lmcompare.counts.estimating.katz import Katz
from lmcompare.counts.estimating.kneser_ney import KneserNey
from lmcompare.counts.estimating.method import Smoothing
from lmcompare.counts.estimating.witten_bell import WittenBell
from lmcompare.errors import PluginError, unknown

METHODS: dict[str, type[Smoothing]] = {
    method.name: method for method in (KneserNey, Absolute, WittenBell, JelinekMercer, Katz, AddK)
}


def method(name: object) -> type[Smoothing]:
    """Return the method of this name. Raises ``PluginError`` if there is none."""
    if not isinstance(name, str) or name not in METHODS:
        raise PluginError(unknown("smoothing", str(name), METHODS))
    return METHODS[name]


def make(name: str, parameters: Mapping[str, Any]) -> Smoothing:
    """Return the method of this name with those of the parameters that it heeds."""
    found: Callable[..., Smoothing] = method(name)
    return found(**{p: parameters[p] for p in sorted(method(name).uses)})


def refuse(name: str, given: Mapping[str, bool]) -> None:
    """Raise ``PluginError`` if a parameter that was given (its name → whether it was) says nothing to the method."""
    for parameter, is_given in given.items():
        if is_given and parameter not in method(name).uses:
            heeding = " and ".join(f'"{m.name}"' for m in METHODS.values() if parameter in m.uses)
            raise PluginError(f'{parameter} says nothing to smoothing = "{name}", only to {heeding}: leave it out')
