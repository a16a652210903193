"""The built-in models that need other packages keep the whole contract."""

from __future__ import annotations

from collections.abc import Callable

from lmcompare.model import Budget, LanguageModel
from lmcompare.testing import parametrize_with_checks
from tests.models.built_in_cases import OF_EXTRAS, factory


@parametrize_with_checks([factory(name) for name in sorted(OF_EXTRAS)], budget=Budget(epochs=8))
def test_built_in_keeps_the_contract(model: Callable[[], LanguageModel], check: Callable[[object], None]) -> None:
    check(model)
