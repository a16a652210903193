"""Shared by all tests: the tests are a package of their own, and what is tested is the installed lmcompare."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

# At the end of the path, so that an installed lmcompare goes before the checkout's.
sys.path.append(str(Path(__file__).parents[1]))

settings.register_profile("lmcompare", deadline=None, derandomize=True)
settings.load_profile("lmcompare")
