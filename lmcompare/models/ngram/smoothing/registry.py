"""The smoothing methods of the n-gram model by name, with the hyper-parameters that each of them uses."""

from __future__ import annotations

from collections.abc import Mapping

from lmcompare.errors import PluginError, unknown
from lmcompare.models.ngram.smoothing.absolute import Absolute
from lmcompare.models.ngram.smoothing.add_k import AddK
from lmcompare.models.ngram.smoothing.base import Smoothing
from lmcompare.models.ngram.smoothing.jelinek_mercer import JelinekMercer
from lmcompare.models.ngram.smoothing.katz import Katz
from lmcompare.models.ngram.smoothing.kneser_ney import KneserNey
from lmcompare.models.ngram.smoothing.witten_bell import WittenBell

METHODS: dict[str, type[Smoothing]] = {
    method.name: method for method in (KneserNey, Absolute, WittenBell, JelinekMercer, Katz, AddK)
}


def method(name: object) -> type[Smoothing]:
    """Return the method of this name.

    Raises
    ------
    PluginError
        If no method has this name.
    """
    if not isinstance(name, str) or name not in METHODS:
        raise PluginError(unknown("smoothing", str(name), METHODS))
    return METHODS[name]


def check_used(name: str, given: Mapping[str, bool]) -> None:
    """Check that the method uses each hyper-parameter that the user set.

    Parameters
    ----------
    name : str
        The name of the method.
    given : mapping of str to bool
        For each hyper-parameter, whether the user set it.

    Raises
    ------
    PluginError
        If the user set a hyper-parameter that the method does not use.
    """
    for parameter, is_given in given.items():
        if is_given and parameter not in method(name).uses:
            users = " and ".join(f'"{m.name}"' for m in METHODS.values() if parameter in m.uses)
            raise PluginError(f'{parameter} has no effect with smoothing = "{name}", only with {users}: leave it out')
