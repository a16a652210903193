"""Every built-in model keeps the whole contract, and so do the variants of those that count words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest.mock import patch

import pytest

from lmcompare import plugins
from lmcompare.checks import CHECKS, Probe, lifecycle
from lmcompare.model import Budget, LanguageModel
from lmcompare.models.ngram.plugin import METHODS, NGram
from lmcompare.processes import ForkServer, call
from lmcompare.testing import parametrize_with_checks
from tests.models.built_in_cases import BUILT_IN, OF_EXTRAS, OF_THE_CLASS, SMALL, factory
from tests.models.test_built_ins import KNOWN, NETWORKS_ALIKE, WAYS, holds

Contract = Callable[[object], None]
OF_A_VARIANT = [check.name for check in CHECKS if check.name not in OF_THE_CLASS]


@pytest.fixture(scope="module", autouse=True)
def forked() -> Iterator[None]:
    """The kit's fresh processes are forked from one that has imported PyTorch: to start each would take seconds."""
    if sys.platform != "linux":  # nothing is forked there
        yield
        return
    servers: list[ForkServer] = []

    def fork(*arguments: Any, variables: Mapping[str, str], **options: Any) -> Any:
        if not servers:
            plugin = "lmcompare.models.rnn.network:Rnn"
            servers.append(ForkServer("lmcompare.plugins:resolve", plugin, variables=variables))
        return call(*arguments, **options, server=servers[0])

    with patch.object(lifecycle, "call", fork):
        yield
    for server in servers:
        server.close()


@parametrize_with_checks([factory(name) for name in SMALL if name not in OF_EXTRAS], budget=Budget(epochs=8))
def test_built_in_keeps_the_contract(model: Callable[[], LanguageModel], check: Contract) -> None:
    check(model)


def smoothed(name: str) -> Callable[[], LanguageModel]:
    """A function that makes the n-gram model with this smoothing; add-k, which never backs off, as a bigram model."""

    def make() -> LanguageModel:
        return NGram(2 if name == "add-k" else 4, smoothing=name)

    make.__name__ = f"ngram-{name}"
    return make


def carrying() -> LanguageModel:
    """A cache that is carried from document to document: it learns from what it reads."""
    return plugins.build(plugins.resolve(BUILT_IN["cache"]), {**SMALL["cache"], "carry": True})


VARIANTS = [carrying, *(smoothed(name) for name in METHODS if name != "kneser-ney")]


@parametrize_with_checks(VARIANTS, only=OF_A_VARIANT)
def test_a_variant_keeps_the_contract(model: Callable[[], LanguageModel], check: Contract) -> None:
    check(model)


@pytest.mark.parametrize("name", sorted(NETWORKS_ALIKE))
def test_a_network_needs_no_unknown_token(name: str) -> None:
    probe = Probe(factory(name), budget=Budget(steps=4))
    probe.__dict__["texts"] = KNOWN
    model = holds(probe, [check for check in CHECKS if check.name in WAYS])
    assert not any("<unk>" in note for note in model.notes)
