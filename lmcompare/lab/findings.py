"""The folder of a laboratory, which may be that of a run, and the findings that are stored in it."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from lmcompare.analysis.findings import (
    FINDINGS_VERSION,
    STORED,
    Amounts,
    Comparison,
    Evidence,
    Figures,
    Row,
    digest_of,
    out_of_bounds,
)
from lmcompare.errors import LmcompareError, PluginError, kind_of, moved
from lmcompare.exhibits import MOST, Exhibit, problem_with, to_json
from lmcompare.lab import Findings
from lmcompare.lab.contrasts import Contrast, Measured
from lmcompare.render import numbers
from lmcompare.run_mark import is_run_folder
from lmcompare.runfolder.files import Array, write_json, write_text
from lmcompare.runfolder.guards import refuse_link, refuse_others
from lmcompare.runfolder.layout import CHARTS, FINDINGS, LAB, LAB_MARK, LAB_MARKDOWN, LAB_PAGE, LAB_RUN

SEEN = 5  # figures in the sentence of a preview


def check_free(folder: Path) -> None:
    """See that a folder is that of a laboratory, or can become one.

    Raises
    ------
    LmcompareError
        If it is a file, has files in it that are not those of a run or of a laboratory, or has something else in a
        place that is written to.
    """
    if folder.exists() and not folder.is_dir():
        raise LmcompareError(f"{folder} is a file, not a folder: choose another --out")
    if folder.is_dir() and not (folder / LAB_MARK).is_file():
        run = folder / LAB_RUN  # empty if there was no room for its first file
        begun = {LAB_RUN} if is_run_folder(run) or (run.is_dir() and not any(run.iterdir())) else set()
        there = {path.name for path in folder.iterdir() if not path.name.startswith(".")} - begun
        refuse_others(folder, there & {*LAB} if is_run_folder(folder) else there)
    for name in (*LAB, CHARTS):
        place, is_folder = folder / name, name not in (LAB_PAGE, LAB_MARKDOWN)
        refuse_link(place)
        if place.exists() and place.is_dir() != is_folder:
            raise LmcompareError(f"{place} is {'a file' if is_folder else 'a folder'} and in the way: remove it")
    refuse_link(folder / LAB_MARK)


def claim(folder: Path) -> None:
    """Mark a folder, which ``check_free`` has let pass, as that of a laboratory."""
    if not (folder / LAB_MARK).exists():
        write_text(folder / LAB_MARK, "A laboratory of lmcompare: 'lmcompare lab' writes here.\n")


def see_that_it_is_there(folder: Path) -> None:
    """Raise ``LmcompareError`` if the laboratory's folder was moved or removed before something is written."""
    for place, is_there in ((folder, (folder / LAB_MARK).is_file()), (run := folder / LAB_RUN, is_run_folder(run))):
        if not is_there:
            raise LmcompareError(moved(place))


def path_of(folder: Path, name: str) -> Path:
    """Return the file with the findings of an experiment."""
    return folder / FINDINGS / f"{name}.json"


def write_findings(path: Path, found: Findings, about: Mapping[str, Any], remarks: Sequence[str] = ()) -> None:
    """Store what an experiment found, with the other fields of ``StoredFindings`` and more remarks.

    Raises
    ------
    PluginError
        For an answer that is not ``Findings``, or an exhibit that can't be drawn.
    """
    name = about["name"]
    if not isinstance(found, Findings):
        raise PluginError(f"measure of '{name}' must return Findings, not {kind_of(found)}")
    _check_tuples(found, ("tables", Figures), ("exhibits", Exhibit), ("remarks", str))
    _check_claims(found)
    for figures in found.tables:
        _check_tuples(figures, ("rows", Row))
    for exhibit in found.exhibits[:MOST]:
        if problem := problem_with(exhibit):
            raise PluginError(f"an exhibit of '{name}' can't be drawn: {problem}")
    table = {
        **about,
        "schema_version": FINDINGS_VERSION,
        "verdict": found.verdict if about["decides"] else seen(found, about["seeds"]),
        "held": found.held if about["decides"] else None,
        "claims": [(c, None if held is None else bool(held)) for c, held in found.claims.items() if about["decides"]],
        "tables": [asdict(replace(each, rows=tuple(map(_plain, each.rows)))) for each in found.tables],
        "evidence": asdict(evidence_of(found.tables)),
        "exhibits": [to_json(each) for each in found.exhibits[:MOST]],
        "remarks": [*found.remarks, *remarks],
    }
    try:
        # as the fields' own types: numbers of numpy become Python's, and "1e300" is a number
        table = STORED.dump_python(STORED.validate_python({**table, "checksum": ""}), mode="json")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise PluginError(f"the findings of '{name}' can't be stored: {place}: {first['msg']}") from None
    if wrong := out_of_bounds(table):
        raise PluginError(f"the findings of '{name}' can't be stored: {wrong}")
    write_json(path, {**table, "checksum": digest_of(table)})


def seen(found: Findings, trainings: int) -> str:
    """Return what a preview saw: the figures of its first table, without a claim.

    Parameters
    ----------
    found : Findings
    trainings : int
        The trainings of each condition.
    """
    begin = f"Seen with {numbers.plural(trainings, 'training')} of each model, and perhaps by chance"
    if not found.tables:
        return f"{begin}: see the exhibits."
    table = found.tables[0]
    write = numbers.signed if table.differences else numbers.bits_per_byte
    rows = sorted((row for row in table.rows if row.value is not None), key=lambda row: -abs(row.amount))
    figures = [f"{row.name} ({write(row.value)})" for row in rows[:SEEN]]
    if rows[SEEN:]:
        figures.append("others")
    unit = f"difference in {table.unit}" if table.differences else table.unit
    return f"{begin} ({unit}): {numbers.listed(figures)}."


def evidence_of(tables: Sequence[Figures]) -> Evidence:
    """Return what the rows of tables were computed from, each array once."""
    amounts: dict[tuple[bytes, bytes], Amounts] = {}
    sizes: dict[bytes, tuple[float, ...]] = {}
    comparisons: dict[int, Comparison[int, int]] = {}

    def place(kept: dict[Any, Any], key: object, value: object) -> int:
        kept.setdefault(key, value)
        return list(kept).index(key)

    def of_amounts(each: Measured) -> int:
        key = (each.totals.tobytes(), each.units.tobytes())
        return place(amounts, key, Amounts(tuple(each.totals.tolist()), tuple(each.units.tolist())))

    def numbered(each: Comparison[Measured, Array]) -> Comparison[int, int]:
        whole = each.sizes.astype(np.float64)
        pairs = {name: (of_amounts(one), of_amounts(other)) for name, (one, other) in each.pairs.items()}
        return Comparison(pairs, place(sizes, whole.tobytes(), tuple(whole.tolist())), each.same_trainings)

    rows = []
    for t, table in enumerate(tables):
        for r, row in enumerate(table.rows):
            if isinstance(row, Contrast) and row.source is not None:
                comparison, name = row.source
                number = place(comparisons, id(comparison), numbered(comparison))
                rows.append((t, r, number, name, row.p_value, row.family))
    return Evidence(tuple(amounts.values()), tuple(sizes.values()), tuple(comparisons.values()), tuple(rows))


def _plain(row: Row) -> Row:
    """Return a row without what it was computed from."""
    return Row(**{each.name: getattr(row, each.name) for each in fields(Row)})


def _check_claims(found: Findings) -> None:
    """Raise ``PluginError`` if a claim is not a text, or if it is not said whether it held."""
    claims = found.claims
    if not isinstance(claims, Mapping) or not all(
        isinstance(claim, str) and (held is None or isinstance(held, bool | np.bool_))
        for claim, held in claims.items()
    ):
        raise PluginError(f"claims of Findings must map texts to True, False or None, not {reprlib.repr(claims)}")


def _check_tuples(owner: object, *kinds: tuple[str, type]) -> None:
    """Raise ``PluginError`` for a field that is not a tuple of the right type."""
    for field, kind in kinds:
        values = getattr(owner, field)
        if not isinstance(values, tuple | list) or not all(isinstance(value, kind) for value in values):
            raise PluginError(
                f"{field} of {type(owner).__name__} must be a tuple of {kind.__name__}, not {reprlib.repr(values)}"
            )
