"""Findings as they are stored: one JSON file for each experiment, from which the page is made."""

from __future__ import annotations

import hashlib
import json
import os
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from lmcompare.errors import PluginError, kind_of
from lmcompare.exhibits import MOST, Exhibit, problem_with, to_json
from lmcompare.lab.contract import Figures, Findings, Row
from lmcompare.runfolder.files import RunFolderError, read_object, write_json

SCHEMA_VERSION = 1
ROWS, LONGEST, LARGEST = 500, 5_000, 1e12  # of findings: rows, tables and remarks, characters of a text, and numbers


@dataclass(frozen=True, config=ConfigDict(allow_inf_nan=False))
class StoredFindings:
    """The findings of one experiment.

    Parameters
    ----------
    schema_version : int
    name, title, question, prediction : str
        Of the experiment.
    key : str
        A digest of everything that the findings depend on: the trained cells and the code of the experiment.
    verdict : str
        As in ``Findings``; for a preview, what the numbers of one training look like.
    held : bool or None
        As in ``Findings``.
    seeds : int
        The trainings of each condition.
    decides : bool
        Whether these are enough for a verdict.
    tables : tuple of Figures
    exhibits : tuple of dict
        As ``lmcompare.exhibits.to_json`` gives them.
    remarks : tuple of str
    train_seconds, measure_seconds : float
        The seconds of all trainings, those that other experiments share included, and of the measurement.
    checksum : str
        A digest of all other fields.
    """

    schema_version: int
    name: str
    title: str
    question: str
    prediction: str
    key: str
    verdict: str
    held: bool | None
    seeds: int
    decides: bool
    tables: tuple[Figures, ...]
    exhibits: tuple[dict[str, Any], ...]
    remarks: tuple[str, ...]
    train_seconds: float
    measure_seconds: float
    checksum: str


_STORED = TypeAdapter(StoredFindings)


def write_findings(path: Path, found: Findings, about: Mapping[str, Any], remarks: Sequence[str] = ()) -> None:
    """Store what an experiment found, with the other fields of ``StoredFindings`` and more remarks.

    Raises
    ------
    PluginError
        For findings that are none, or an exhibit that can't be drawn.
    """
    name = about["name"]
    if not isinstance(found, Findings):
        raise PluginError(f"measure of '{name}' must return Findings, not {kind_of(found)}")
    _check_tuples(found, ("tables", Figures), ("exhibits", Exhibit), ("remarks", str))
    for figures in found.tables:
        _check_tuples(figures, ("rows", Row))
    for exhibit in found.exhibits[:MOST]:
        if problem := problem_with(exhibit):
            raise PluginError(f"an exhibit of '{name}' can't be drawn: {problem}")
    table = {
        **about,
        "schema_version": SCHEMA_VERSION,
        "verdict": found.verdict,
        "held": found.held,
        "tables": [asdict(each) for each in found.tables],
        "exhibits": [to_json(each) for each in found.exhibits[:MOST]],
        "remarks": [*found.remarks, *remarks],
    }
    try:
        _STORED.validate_python({**table, "checksum": ""})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise PluginError(f"the findings of '{name}' can't be stored: {place}: {first['msg']}") from None
    if wrong := _out_of_bounds(table):
        raise PluginError(f"the findings of '{name}' can't be stored: {wrong}")
    write_json(path, {**table, "checksum": _digest(table)})


def _check_tuples(owner: object, *kinds: tuple[str, type]) -> None:
    """Raise ``PluginError`` for a field that is no tuple of what it should have."""
    for field, kind in kinds:
        values = getattr(owner, field)
        if not isinstance(values, tuple | list) or not all(isinstance(value, kind) for value in values):
            raise PluginError(
                f"{field} of {type(owner).__name__} must be a tuple of {kind.__name__}, not {reprlib.repr(values)}"
            )


def _out_of_bounds(table: Mapping[str, Any]) -> str:
    """Return what is too long or too large for a page, "" if nothing is."""
    rows = [row for figures in table["tables"] for row in figures["rows"]]
    if max(len(rows), len(table["tables"]), len(table["remarks"])) > ROWS:
        return f"more than {ROWS} rows, tables or remarks"
    texts = [table["verdict"], *table["remarks"]]
    texts += [value for each in (*table["tables"], *rows) for value in each.values() if isinstance(value, str)]
    if any(len(text) > LONGEST for text in texts):
        return f"a text of more than {LONGEST:,} characters"
    values = [value for row in rows for value in row.values() if isinstance(value, int | float)]
    if any(abs(value) > LARGEST for value in values):
        return f"a number beyond {LARGEST:g}"
    return ""


def _digest(table: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in table.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, allow_nan=False).encode()).hexdigest()[:16]


def read_findings(path: Path) -> StoredFindings | None:
    """Return the findings in a file; None if there is no file.

    Raises
    ------
    RunFolderError
        If it is not as lmcompare has written it.
    """
    if not os.path.lexists(path):
        return None
    try:
        table = read_object(path, "schema_version", "key", "checksum")
        if table["checksum"] == _digest(table):
            return _STORED.validate_python(table)
    except (ValidationError, ValueError, RunFolderError):
        pass
    raise RunFolderError(f"{path} is not as it was written")
