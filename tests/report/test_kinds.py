"""Tests that every kind of exhibit is drawn, with a sentence that reads it."""

from __future__ import annotations

import base64
import json
import math
import os
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare import exhibits as kinds
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.exhibits import (
    KINDS,
    Drawing,
    Exhibit,
    draw,
    draw_stored,
    from_json,
    kind_named,
    problem_with,
    to_json,
)
from lmcompare.exhibits import exhibit as registry
from lmcompare.exhibits import heatmap as heatmap_kind
from lmcompare.render.charts.svg import standalone
from lmcompare.testing import check_exhibit_kind
from tests.damage import HARMS, harmed
from tests.exhibit_samples import FAULTS, heatmap, random_exhibits, samples
from tests.report.tree import Node, parse

EVIL = "</script><script>alert(1)</script>\"'&<b>"


def drawn(exhibit: Exhibit) -> Node:
    return parse(str(draw(exhibit).html))


@dataclass(frozen=True, kw_only=True)
class Undrawn(Exhibit):
    kind: ClassVar[str] = "undrawn"


def test_what_packages_bring_must_be_kinds_that_can_be_drawn() -> None:
    for found, name, why in (
        (int, "own", "'own' is not a kind of exhibit"),
        (kinds.Bars, "own", "'own' is called 'bars'"),
        (Undrawn, "undrawn", "'undrawn' has no method draw"),
    ):
        with pytest.raises(PluginError, match=why):
            KINDS.checked(found, name)


@pytest.mark.parametrize("sample", samples(), ids=lambda e: e.kind)
def test_every_kind_passes_the_conformance_check(sample: Exhibit) -> None:
    check_exhibit_kind(sample, [replace(sample, **changed) for changed, _ in FAULTS[sample.kind]])


@pytest.mark.parametrize("exhibit", samples("bank"), ids=lambda e: e.kind)
def test_shows_its_words_and_is_drawn_the_same_from_its_table(exhibit: Exhibit) -> None:
    drawing = draw(exhibit)
    assert "bank" in drawn(exhibit).text + str(drawing.html)
    assert not drawing.reading or drawing.reading.endswith(".")
    assert drawing.markdown or drawing.svg
    assert draw_stored(to_json(exhibit)) == (exhibit.title, exhibit.note, drawing)


@pytest.mark.parametrize("exhibit", samples(EVIL), ids=lambda e: e.kind)
def test_text_is_never_markup(exhibit: Exhibit) -> None:
    drawing = draw(exhibit)
    tree = parse(str(drawing.html))
    assert all(node.attributes.get("type") == "application/json" for node in tree.all("script"))
    assert not tree.all("b") or exhibit.kind == "backoff"  # which has some of its own
    assert "<script>alert" not in str(drawing.svg or "")
    outside_code = re.sub(r"`[^`]*`", "", drawing.markdown)
    assert not re.search(r"(?<!\\)<", outside_code)


def test_empty_exhibits_are_drawn() -> None:
    for kind, fields in (
        ("heatmap", ("rows", "columns", "panels", "values")),
        ("neighbours", ("words", "neighbours", "similarities")),
        ("backoff", ("steps",)),
        ("map", ("labels", "x", "y")),
        ("curve", ("names", "x", "y")),
        ("bars", ("labels", "values")),
        ("sources", ("guesses",)),
    ):
        parse(str(draw(kind_named(kind)(title="nothing", **dict.fromkeys(fields, ()))).html))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stored", "title", "why"),
    [
        ({"kind": "hologram", "title": "x"}, "x", "no installed package has the kind of exhibit 'hologram'"),
        ({"kind": "bars", "title": "x" * 300, "labels": ["a"], "values": [math.nan]}, "x" * 200, "values[0] is nan"),
        ({"title": ["a"] * 10}, "Untitled exhibit", "does not name its kind"),
        ({"title": " "}, "Untitled exhibit", "does not name its kind"),
    ],
)
def test_what_cannot_be_drawn_says_why(stored: dict[str, Any], title: str, why: str) -> None:
    shown, note, drawing = draw_stored(stored)
    assert (shown, note) == (title, "")
    text = parse(str(drawing.html)).text
    assert "could not be drawn" in text
    assert why in text
    assert why in drawing.markdown.replace("\\", "")


def _no_drawing(exhibit: Exhibit) -> Any:
    return "<p>"


def _failing(exhibit: Exhibit) -> Drawing:
    raise RuntimeError("no luck")


@pytest.mark.parametrize(("method", "why"), [(_no_drawing, "returned no Drawing"), (_failing, "no luck")])
def test_a_drawing_that_fails_costs_its_exhibit_only(monkeypatch: pytest.MonkeyPatch, method: Any, why: str) -> None:
    monkeypatch.setattr(kinds.Heatmap, "draw", method)
    assert why in parse(str(draw_stored(to_json(heatmap()))[2].html)).text


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A stored exhibit of a kind that another package brings; its drawing says in which process it was made."""
    (tmp_path / "others.py").write_text(
        "import os\nfrom dataclasses import dataclass\nfrom typing import ClassVar\n"
        "from markupsafe import Markup\n"
        "from lmcompare.exhibits import Drawing, Exhibit\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Own(Exhibit):\n    kind: ClassVar[str] = 'own'\n\n"
        "    def draw(self):\n"
        "        return Drawing(Markup(f'<p>{os.getpid()}</p>'), 'Read it.', f'{os.getpid()}')\n"
    )
    info = tmp_path / "others-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: others\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[lmcompare.exhibits]\nown = others:Own\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    registry._is_of_others.cache_clear()
    yield {"kind": "own", "title": "one", "note": "two"}
    registry._is_of_others.cache_clear()


@pytest.mark.slow
def test_a_kind_of_others_is_drawn_in_a_process(others: dict[str, Any]) -> None:
    title, note, drawing = draw_stored(others)
    assert (title, note, drawing.reading) == ("one", "two", "Read it.")
    assert int(drawing.markdown) != os.getpid()
    assert drawing.html == f"<p>{drawing.markdown}</p>"


def test_what_another_process_says_is_checked(others: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []

    def told(function: str, stored: dict[str, Any], *, seconds: float) -> list[object]:
        assert (function, stored) == ("lmcompare.exhibits.exhibit:parts_of", others)
        limits.append(seconds)
        return ["one", "two", "<p>", "", 5, None]

    monkeypatch.setattr(registry, "call", told)
    assert "could not be drawn" in draw_stored(others)[2].html
    assert limits == [registry.SECONDS]


def test_an_exhibit_with_a_problem_is_not_drawn() -> None:
    with pytest.raises(LmcompareError, match="nan"):
        draw(kinds.Bars(title="x", labels=("a", "b"), values=(math.nan, 1.0)))


def test_heatmap_table_has_every_cell_in_hundredths() -> None:
    rows = drawn(heatmap()).one("table").rows()
    assert rows == [["the", "100", "", ""], ["bank", "40", "60", ""], ["was", "70", "20", "10"]]


def test_marks_stand_upright_above_a_heatmap() -> None:
    values = (((0.1, 0.2, 0.3, 0.4),),)
    columns = (",", "The", "</s>", "«word»")
    heads = drawn(kinds.Heatmap(title="x", rows=("a",), columns=columns, panels=("p",), values=values)).one("thead")
    upright = [head.one("span").attributes.get("class", "") for head in heads.all("th")]
    assert upright == ["sign", "", "sign", ""]


def test_a_heatmap_opens_on_its_panel() -> None:
    exhibit = replace(heatmap(), opened=1)
    tree = drawn(exhibit)
    assert tree.one("table").rows() == [["the", "100", "", ""], ["bank", "10", "90", ""], ["was", "0", "10", "90"]]
    assert [button.attributes["aria-pressed"] for button in tree.all("button")] == ["false", "true"]
    assert "Rows: bank; columns: looks at (head 2)" in draw(exhibit).markdown
    assert "| bank | 0.10 | 0.90 |  |" in draw(exhibit).markdown


@pytest.mark.parametrize(("rows", "columns"), [(20, 3), (3, 20), (20, 20)])
def test_markdown_has_all_of_a_narrow_heatmap_and_the_highest_cells_of_a_wide_one(rows: int, columns: int) -> None:
    labels = [tuple(f"{side}{i}" for i in range(n)) for side, n in (("r", rows), ("c", columns))]
    values = (tuple(tuple((i + 2 * j) / 100 for j in range(columns)) for i in range(rows)),)
    said = draw(kinds.Heatmap(title="x", rows=labels[0], columns=labels[1], panels=("p",), values=values)).markdown
    lines = said.splitlines()[2:]
    assert len(lines) == 2 + max(rows, columns)
    if columns == 3:
        assert lines[3] == "| r1 | 0.01 | 0.03 | 0.05 |"
    elif rows == 3:
        assert lines[3] == "| c1 | 0.02 | 0.03 | 0.04 |"
    else:
        assert lines[3] == "| r1 | c19 | 0.39 |"


@pytest.mark.parametrize(
    ("peak", "cells", "hundredths"),
    [(0.5, ["50", "−1"], True), (28.345, ["28.3", "0.0"], False), (512.4, ["512", "0"], False)],
)
def test_cells_are_written_with_as_many_decimals(peak: float, cells: list[str], hundredths: bool) -> None:
    values = (((peak, -0.011),),)
    tree = drawn(kinds.Heatmap(title="x", rows=("a",), columns=("b", "c"), panels=("p",), values=values))
    assert tree.one("table").rows() == [["a", *cells]]
    assert ("hundredths" in tree.text) == hundredths


@pytest.mark.parametrize(("greatest", "said"), [(2000.0, "2,000"), (0.004, "0.004")])
def test_cells_too_great_or_too_small_to_be_written_are_parts_of_the_greatest(greatest: float, said: str) -> None:
    values = (((greatest, greatest / 4),),)
    exhibit = kinds.Heatmap(title="x", rows=("a",), columns=("b", "c"), panels=("p",), values=values)
    assert drawn(exhibit).one("table").rows() == [["a", "100", "25"]]
    assert f"in hundredths of {said}" in drawn(exhibit).text
    *_, row = draw(exhibit).markdown.splitlines()
    assert [float(cell) for cell in row.split("|")[2:4]] == [greatest, greatest / 4]


def test_heatmap_reading_says_how_far_the_heads_look_back() -> None:
    # Head 1 ("bank") looks back (0.6·1 would be bank itself): row 2: 0.4·1, row 3: 0.7·2 + 0.2·1, so (0.4 + 1.6) / 3;
    # head 2: row 2: 0.1·1, row 3: 0.1·1, so 0.2 / 3.
    said = draw(heatmap()).reading
    assert "head 2 looks back least" in said
    assert "(0.1 tokens) and bank farthest (0.7)." in said
    assert draw(heatmap(panels=1)).reading == ""


def test_heatmap_picture_is_a_png_with_the_amounts_as_opacity() -> None:
    address = heatmap_kind.picture(np.array([[0.5, math.nan], [-1.0, 0.0]]), 1.0)
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (2, 2)
    start = data.index(b"IDAT") + 4
    size = struct.unpack(">I", data[start - 8 : start - 4])[0]
    pixels = zlib.decompress(data[start : start + size])
    warm, cool = bytes(heatmap_kind.WARM), bytes(heatmap_kind.COOL)
    assert pixels == b"\0" + warm + b"\x80" + warm + b"\0" + b"\0" + cool + b"\xff" + warm + b"\0"


@pytest.mark.parametrize(("words", "tables"), [(6, [6]), (7, [7]), (8, [6, 2])])
def test_many_neighbours_are_folded(words: int, tables: list[int]) -> None:
    names = tuple(f"w{i}" for i in range(words))
    exhibit = kinds.Neighbours(
        title="near", words=names, neighbours=(("n",),) * words, similarities=((0.5,),) * words
    )
    tree = drawn(exhibit)
    assert [len(table.rows()) for table in tree.all("table")] == tables
    assert [row[0] for table in tree.all("table") for row in table.rows()] == list(names)
    assert len(tree.all("details")) == len(tables) - 1


def test_large_heatmaps_are_pictures() -> None:
    size = 60
    labels = tuple(str(i) for i in range(size))
    line = tuple(math.sin(i) for i in range(size))
    tree = drawn(
        kinds.Heatmap(title="positions", rows=labels, columns=labels, panels=("all",), values=((line,) * size,))
    )
    assert not tree.all("table")
    assert len(tree.all("img")) == 1


def test_readings_and_markdown_by_hand() -> None:
    found = {exhibit.kind: draw(exhibit) for exhibit in samples("bank")}
    said = found["backoff"].reading.replace("\u00a0", " ")
    assert "1 was found after 1 token of context (order 2, the highest that matched) and 1 after none" in said
    for kind in ("neighbours", "map", "curve", "bars", "equation"):
        assert found[kind].reading == "", "it would restate the drawing"
    for kind, row in (("neighbours", "| bank |"), ("bars", "| bank |"), ("backoff", "| Token | Order 1 | Order 2 |")):
        assert row in found[kind].markdown


def test_bars_have_as_many_decimals_each() -> None:
    exhibit = kinds.Bars(title="x", labels=("a", "b", "c"), values=(2.1528, -0.1, 0.000002))
    assert [row[-1] for row in drawn(exhibit).one("table").rows()] == ["2.15", "−0.10", "< 0.01"]


# Whatever a model shows of itself


@pytest.mark.slow
@given(exhibit=st.sampled_from([*KINDS.installed()]).map(kind_named).flatmap(random_exhibits))
def test_what_is_accepted_is_stored_and_drawn(exhibit: Exhibit) -> None:
    table = to_json(exhibit)
    if problem_with(exhibit):
        draw_stored(table)
        return
    stored = json.loads(json.dumps(table, allow_nan=False))
    assert json.loads(json.dumps(to_json(from_json(stored)))) == stored
    drawing = draw(exhibit)
    assert draw_stored(stored) == (exhibit.title, exhibit.note, drawing)
    if drawing.svg is not None:
        ElementTree.fromstring(standalone(drawing.svg))


@given(stored=st.builds(harmed, st.sampled_from([json.loads(json.dumps(to_json(e))) for e in samples()]), HARMS))
def test_damage_is_drawn_or_replaced_with_a_sentence(stored: dict[str, Any]) -> None:
    title, _, drawing = draw_stored(stored)
    assert title.strip()
    assert drawing.markdown or drawing.svg
