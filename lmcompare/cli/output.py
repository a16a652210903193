"""Notes, and a line for each conformance check."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lmcompare.checks import Result


def note(sentence: str) -> None:
    """Print a note to standard error."""
    print(f"lmcompare: note: {sentence}", file=sys.stderr)


def print_result(result: Result) -> None:
    """Print how a check went."""
    mark = "ok  " if result.passed else "xfail" if result.ok else "FAIL"
    said = "; ".join(part for part in (result.reason, result.expected_failure) if part)
    print(f"{mark:<5} {result.name}{f': {said}' if said else ''}", flush=True)
