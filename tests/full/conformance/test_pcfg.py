"""The grammar keeps the contract of a language model where its trees are those of the text; elsewhere it can not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lmcompare.checks import CHECKS, Probe
from lmcompare.errors import LmcompareError
from lmcompare.model import LanguageModel
from lmcompare.models.pcfg.plugin import TRAINS, Pcfg
from lmcompare.testing import parametrize_with_checks
from tests.models.pcfg.treebanks import with_trees


@parametrize_with_checks([with_trees])
def test_with_trees_of_the_kits_text_it_keeps_the_contract(
    model: Callable[[], LanguageModel], check: Callable[[object], None]
) -> None:
    check(model)


def test_the_checks_that_fail_without_trees_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.mrg"
    path.write_text("(S (D the) (N cat))", encoding="utf-8")
    probe = Probe(lambda: Pcfg(str(path)))
    failed = {check.name for check in CHECKS if not _passes(check, probe)}
    assert failed == set(TRAINS)


def _passes(check: object, probe: Probe) -> bool:
    try:
        return bool(check.run(probe).passed)  # type: ignore[attr-defined]
    except LmcompareError:
        return False
