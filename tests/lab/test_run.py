"""Experiments are run once, share their conditions, and fail alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcompare.analysis.contrasts import Contrast
from lmcompare.analysis.findings import digest_of, read_findings
from lmcompare.errors import LmcompareError, PluginError
from lmcompare.lab.bench import row_of
from lmcompare.lab.contract import Figures, Findings, Row
from lmcompare.lab.findings import write_findings
from lmcompare.lab.folder import path_of
from lmcompare.lab.page import write_page
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.run import load_run
from tests.lab.laboratory import ABOUT
from tests.lab.running import ran

pytestmark = pytest.mark.usefixtures("cells_here", "measured_here")


def test_a_planted_effect_is_found_and_no_other(plugins_file: Path, text: Path) -> None:
    outcome, show = ran(plugins_file, text, "Known")
    assert outcome.measured == ("Known",)
    assert not outcome.failures
    found = read_findings(path_of(text.parent / "lab", "Known"))
    assert found is not None
    costly, same = found.tables[0].rows
    assert costly.value is not None
    assert costly.low is not None
    assert costly.high is not None
    scores = found.tables[0]
    # half a bit per token, over the bytes of a token
    tokens, n_bytes = sizes(text.parent / "lab")
    assert costly.low <= 0.5 * tokens / n_bytes <= costly.high
    assert costly.found
    assert not same.found
    assert found.held is True
    assert (found.seeds, found.decides) == (3, True)
    assert scores.rows[0].saying == "Half a bit."
    assert any("9 trainings" in said.replace("\u00a0", " ") for said in show.said)


def sizes(lab: Path) -> tuple[int, int]:
    from lmcompare.runfolder.run import load_run

    run = load_run(lab / "run")
    (entry,) = run.manifest.tokens.values()
    return entry.tokens["test"], run.corpus.splits["test"].bytes


def test_one_training_of_each_condition_is_a_preview(plugins_file: Path, text: Path) -> None:
    ran(plugins_file, text, "Known", seeds=(0,))
    found = read_findings(path_of(text.parent / "lab", "Known"))
    assert found is not None
    assert (found.seeds, found.decides, found.held) == (1, False, None)
    assert found.text == load_run(text.parent / "lab" / "run").corpus_fingerprint
    page = write_page(text.parent / "lab", {}).read_text(encoding="utf-8")
    assert "no verdict" in page


def test_conditions_are_shared_and_findings_are_kept(plugins_file: Path, text: Path) -> None:
    _, first = ran(plugins_file, text, "Known", "Shares", seeds=(0,))
    assert sorted(first.trained) == ["base", "costly", "same"]
    path = path_of(text.parent / "lab", "Known")
    before = path.stat().st_mtime_ns
    _, again = ran(plugins_file, text, "Known", "Shares", seeds=(0,))
    assert again.trained == []
    assert path.stat().st_mtime_ns == before
    # another training is a reason to measure again, and only that is trained
    _, more = ran(plugins_file, text, "Shares", seeds=(0, 1))
    assert more.trained == ["base (seed 1)"]


def test_an_experiment_fails_alone(plugins_file: Path, text: Path) -> None:
    outcome, _ = ran(plugins_file, text, "Fails", "Raises", "Junk", "Shares", seeds=(0,))
    assert outcome.measured == ("Shares",)
    assert "no training today" in outcome.failures["Fails"]
    assert "nothing to divide" in outcome.failures["Raises"]
    assert "Findings" in outcome.failures["Junk"]
    page = write_page(text.parent / "lab", {}).read_text(encoding="utf-8")
    assert "A shared condition" in page


def test_what_an_experiment_lacks_is_said(plugins_file: Path, text: Path) -> None:
    outcome, _ = ran(plugins_file, text, "Lacks", "Shares", seeds=(0,))
    assert outcome.measured == ("Shares",)
    assert "nltk.downloader" in outcome.left_out["Lacks"]
    page = write_page(text.parent / "lab", outcome.left_out).read_text(encoding="utf-8")
    assert "nltk.downloader" in page
    with pytest.raises(LmcompareError, match="treebank"):
        ran(plugins_file, text, "Lacks", alone=True)


def test_two_conditions_of_one_name_are_refused(plugins_file: Path, text: Path) -> None:
    with pytest.raises(PluginError, match="'base'"):
        ran(plugins_file, text, "Known", "Confuses")
    with pytest.raises(LmcompareError, match="not an experiment"):
        ran(plugins_file, text, "Planted")


def test_damaged_findings_are_named(plugins_file: Path, text: Path) -> None:
    ran(plugins_file, text, "Shares", seeds=(0,))
    path = path_of(text.parent / "lab", "Shares")
    table = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(table | {"seeds": "many"}), encoding="utf-8")
    with pytest.raises(RunFolderError, match="Shares"):
        read_findings(path)
    odd = table | {"tables": 5}
    path.write_text(json.dumps(odd | {"checksum": digest_of(odd)}), encoding="utf-8")
    with pytest.raises(RunFolderError, match="Shares"):
        read_findings(path)


def test_findings_have_numbers_that_can_be_stored(tmp_path: Path) -> None:
    row = Row("x", value=float("nan"))
    found = Findings(verdict="", tables=(Figures(title="t", rows=(row,), unit="bits"),))
    with pytest.raises(PluginError, match=r"rows\.0\.value"):
        write_findings(tmp_path / "x.json", found, {"name": "x", **ABOUT})
    odd: list[dict[str, Any]] = [{"tables": None}, {"tables": ({},)}, {"exhibits": 5}, {"remarks": "abc"}]
    odd += [{"tables": (Figures("t", rows=[1], unit=""),)}]  # type: ignore[arg-type]
    for fields in odd:
        with pytest.raises(PluginError, match="must be a tuple of"):
            write_findings(tmp_path / "x.json", Findings("", **fields), {"name": "x", **ABOUT})
    for claims in ("It is.", {"It is.": "yes"}, {5: True}):
        with pytest.raises(PluginError, match="must map texts to"):
            write_findings(tmp_path / "x.json", Findings("", claims), {"name": "x", **ABOUT})  # type: ignore[arg-type]
    many = Findings(verdict="", tables=(Figures("t", (), ""),) * 501)
    with pytest.raises(PluginError, match="more than 500"):
        write_findings(tmp_path / "x.json", many, {"name": "x", **ABOUT})
    beyond = Findings(verdict="", tables=(Figures("t", (Row("x", value="1e300"),), ""),))  # type: ignore[arg-type]
    with pytest.raises(PluginError, match=r"beyond 1e\+12"):
        write_findings(tmp_path / "x.json", beyond, {"name": "x", **ABOUT})
    contrast = Contrast("x", 1.0, 0.5, float("nan"), float("nan"), 1.0, 1.0)
    assert row_of(contrast) == Row("x", value=0.5, p_holm=1.0, figure=1.0)


def test_numbers_of_numpy_are_stored(tmp_path: Path) -> None:
    row: Any = Row("x", value=np.float32(0.5), low=np.int64(0), high=np.float64(1), p_holm=np.float16(0.25))  # type: ignore[arg-type]
    write_findings(tmp_path / "x.json", Findings("", tables=(Figures("t", (row,), ""),)), {"name": "x", **ABOUT})
    found = read_findings(tmp_path / "x.json")
    assert found is not None
    assert found.tables[0].rows == (Row("x", value=0.5, low=0.0, high=1.0, p_holm=0.25),)


def test_a_text_that_is_too_short_for_intervals(plugins_file: Path, text: Path) -> None:
    text.write_text("the cat sat on the mat\n\na dog ran\n\nthe dog sat\n\na cat ran\n", encoding="utf-8")
    ran(plugins_file, text, "Known", seeds=(0,))
    found = read_findings(path_of(text.parent / "lab", "Known"))
    assert found is not None
    assert any("too short" in remark for remark in found.remarks)
    assert all(row.low is None and row.value is not None and not row.found for row in found.tables[0].rows)
