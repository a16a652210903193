"""Every study that comes with lmcompare passes the kit."""

from __future__ import annotations

import pytest

from lmcompare.conformance.studies import run_study_checks
from lmcompare.study import STUDIES


@pytest.mark.parametrize("name", STUDIES.installed())
def test_it_keeps_the_contract(name: str) -> None:
    assert {each.name: each.reason for each in run_study_checks(name) if not each.passed} == {}
