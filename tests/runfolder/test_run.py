"""Opening a run folder, and one clear sentence for each that cannot be read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import lmcompare
from lmcompare.analysis import Run, RunFolderError, load_run, results
from lmcompare.exhibits import KINDS
from lmcompare.report.terminal import print_leaderboard
from lmcompare.report.write import write_reports
from tests.analysis.scores import token_scores
from tests.run_folder import reseal, write_report, write_run_folder


def edit(path: Path, **changes: object) -> None:
    """Change keys of a JSON file; None removes one."""
    table = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in table.items() if v is not None}), encoding="utf-8")


def test_everything_of_a_run_can_be_read(run: Run) -> None:
    assert run.name == "synthetic"
    assert [m.name for m in run.models][:3] == ["unigram", "ngram", "word2vec-bow"]
    assert run.model("crashing").done == ()
    assert run.model("crashing") not in run.scored
    assert {cell.status for cell in run.cells} == {"done", "failed"}
    assert "division by zero" in str(run.model("crashing").failed[0].error)
    transformer = run.model("transformer")
    assert transformer.seeds == (0, 1)
    assert transformer.traits["carries_state"]
    assert transformer.truthful
    assert transformer.summary
    cell = transformer.first
    assert cell is not None
    assert cell.curve["valid_loss"].isna().any()  # not measured at every step
    assert set(cell.scores("valid")["split"]) == {"valid"}
    assert list(cell.scores("test", ("token",)).columns) == ["token"]
    assert set(cell.top["place"]) == {1, 2, 3, 4, 5}
    assert cell.measured("prompts")[0]["prompt"] == "How to make Thai"
    shown = {table["kind"] for m in run.scored for c in m.done for table in c.measured("exhibits")}
    assert shown == set(KINDS.installed())
    assert len(run.tokens) == 2
    for tokens in run.tokens.values():
        assert len(tokens.features("test")) == tokens.documents_of("test")["tokens"].sum()
        assert run.manifest.tokens[tokens.fingerprint].description
        assert len(tokens.vocabulary) == run.manifest.tokens[tokens.fingerprint].types


def test_the_check_that_failed_is_told(run: Run) -> None:
    assert not run.model("leaky").truthful
    failed = {c["name"] for c in run.model("leaky").failed_checks}
    assert failed == {"later words change no earlier score", "random words surprise the model"}


def test_neither_a_file_nor_an_empty_folder_is_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no manifest\.json"):
        load_run(tmp_path)
    with pytest.raises(RunFolderError, match="is not a folder"):
        load_run(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema_version": 99}, "schema_version 99"),
        ({"models": None}, "not as lmcompare writes it .models"),
        ({"models": [{"name": "a"}]}, r"not as lmcompare writes it .models\.0\.plugin"),
        ({"corpus": {"fingerprint": "x", "splits": 7}}, r"corpus\.name: Field required"),
        *((text, r"manifest\.json") for text in ("{", "[]", "[" * 10**5, "\x00")),
    ],
)
def test_a_manifest_of_another_shape(copied: Path, changes: dict[str, object] | str, said: str) -> None:
    if isinstance(changes, str):
        (copied / "manifest.json").write_text(changes)
    else:
        edit(copied / "manifest.json", **changes)
    with pytest.raises(RunFolderError, match=said) as caught:
        load_run(reseal(copied))
    assert "manifest.json" in str(caught.value)


@pytest.mark.parametrize("place", ["/etc/cell", "cells/../../x", "cells\\..\\x"])
def test_a_manifest_cannot_lead_out_of_the_folder(copied: Path, place: str) -> None:
    models = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))["models"]
    models[0]["cells"][0] = place
    edit(copied / "manifest.json", models=models)
    with pytest.raises(RunFolderError, match="outside the run folder"):
        load_run(reseal(copied))


def test_a_cell_that_was_cut_off_counts_as_failed(copied: Path) -> None:
    (copied / "cells" / "ngram" / "1" / "cell.json").unlink()
    run = load_run(reseal(copied))
    assert run.model("ngram").seeds == (0,)
    assert "not run to its end" in str(run.model("ngram").failed[0].error)
    failed = {(f["name"], f["seed"]) for f in results(run)["failed"]}
    assert failed == {("ngram", 1), ("crashing", 0), ("crashing", 1)}


Harm = Callable[[Path], object]


def text(content: bytes) -> Harm:
    return lambda path: path.write_bytes(content)


def entry(**changes: object) -> Harm:
    return lambda path: edit(path, **changes)


def column(name: str, kind: Callable[[Any], object] | None) -> Harm:
    """Give each value of a column of a table another kind, or leave the column out."""

    def harm(path: Path) -> None:
        table = pd.read_parquet(path)
        new = table.drop(columns=name) if kind is None else table.assign(**{name: table[name].map(kind)})
        new.to_parquet(path)

    return harm


HARMS: list[tuple[str, Harm, str]] = [
    *((f"{name}.json", text(b"PAR1 nonsense {"), "") for name in ("cell", "cost")),
    *((name, text(b"PAR1 nonsense {"), "") for name in ("scores.parquet", "top.parquet", "curve.csv")),
    *((name, harm, "") for name in ("scores.parquet", "cost.json") for harm in (text(b""), Path.unlink)),
    ("cell.json", entry(traits="so"), "traits"),
    ("cell.json", entry(truth="so"), "truth"),
    ("cell.json", entry(truth={"checks": [1]}), "truth.checks.0"),
    ("cell.json", entry(studies={"a": 1}), "studies.a"),
    ("cell.json", entry(notes=[{}]), "notes.0"),
    ("cell.json", entry(hyperparameters=[1]), "hyperparameters"),
    ("cost.json", entry(train_seconds=10**400), "train_seconds"),
    ("cost.json", entry(parameters=10**30), "parameters"),
    ("cost.json", entry(model_bytes=-5), "model_bytes"),
    ("cost.json", entry(machines=[{"cpu": "A"}]), "machines.0.cores"),
    ("cost.json", entry(tokens_before="so"), "tokens_before"),
    ("scores.parquet", column("log_prob", None), "no column 'log_prob'"),
    ("scores.parquet", column("log_prob", str), "numbers in its column 'log_prob'"),
    ("words.parquet", column("gap_bits", str), "numbers in its column 'gap_bits'"),
    ("scores.parquet", column("token", len), "texts in its column 'token'"),
]


@pytest.mark.slow
def test_a_file_that_cannot_be_read_costs_its_own_cell_alone(copied: Path) -> None:
    cells = [cell.path for cell in load_run(copied).cells if cell.status == "done"]
    for begin in range(0, len(HARMS), len(cells) - 1):  # each harms another cell, and one stays
        some = HARMS[begin : begin + len(cells) - 1]
        folder = Path(shutil.copytree(copied, copied.with_name(f"harmed-{begin}")))
        harmed = [folder / path.relative_to(copied) for path, _ in zip(cells, some, strict=False)]
        for path, (name, harm, _) in zip(harmed, some, strict=True):
            harm(path / name)
        errors = {cell.path: cell.error for cell in load_run(reseal(folder)).cells}
        assert sum(error is None for error in errors.values()) == len(cells) - len(some)
        for path, (name, _, said) in zip(harmed, some, strict=True):
            assert str(errors[path]).startswith(name)
            assert said in str(errors[path])


@pytest.mark.parametrize("harm", [text(b"PAR1 nonsense {"), Path.unlink, entry(a=1)])
def test_damaged_measurements_cost_no_figures(copied: Path, harm: Harm) -> None:
    harm(copied / "cells/ngram/0/studies.json")
    cell = load_run(reseal(copied)).model("ngram").first
    assert cell is not None
    assert cell.error is None
    assert cell.measured("prompts") is None
    assert "studies.json" in cell.notes[-1]


def test_a_run_that_was_cut_off_says_how_to_go_on(copied: Path) -> None:
    (copied / "manifest.json").unlink()
    with pytest.raises(RunFolderError, match="or the file was deleted"):
        load_run(reseal(copied))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "of"), [("features", "overhead_bits"), ("surface", "token"), ("documents", "bytes")]
)
def test_a_column_of_the_tokens_with_values_of_another_kind_is_named(copied: Path, name: str, of: str) -> None:
    for path in copied.glob(f"tokens/*/{name}.parquet"):
        column(of, len if of == "token" else str)(path)
    with pytest.raises(RunFolderError, match=rf"{name}\.parquet does not have \w+ in its column '{of}'"):
        write_report(reseal(copied))


def test_scores_of_another_text_are_not_taken(copied: Path) -> None:
    path = copied / "cells" / "ngram" / "0" / "scores.parquet"
    scores = pd.read_parquet(path)
    scores.iloc[:-1].to_parquet(path)  # a row short
    run = load_run(reseal(copied))
    with pytest.raises(RunFolderError, match="not those of"):
        token_scores(run, run.model("ngram"))
    scores.sample(frac=1, random_state=0).to_parquet(path)  # as many, in another order
    with pytest.raises(RunFolderError, match="not those of"):
        token_scores(run, run.model("ngram"))


def test_a_split_stored_as_a_category_reads_the_same(copied: Path) -> None:
    path = copied / "cells" / "ngram" / "0" / "scores.parquet"
    before = load_run(reseal(copied)).model("ngram").done[0].scores("test")["log_prob"]
    scores = pd.read_parquet(path)
    scores.astype({"split": "category", "model": "category", "token": "category"}).to_parquet(path)
    after = load_run(reseal(copied)).model("ngram").done[0].scores("test")["log_prob"]
    assert before.tolist() == after.tolist()


@pytest.mark.slow
def test_what_has_lost_its_checksums_is_shown_and_said_to_be_unverified(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = results(load_run(copied))
    assert before["unverified"] == []
    fingerprint = load_run(copied).model("ngram").tokens_fingerprint
    lost = ["cells/ngram/0", f"tokens/{fingerprint}"]
    for place in (".", *lost):
        (copied / place / "checksums.json").unlink()
    after = results(load_run(copied))
    assert after == {**before, "unverified": ["manifest.json", *lost]}
    write_reports(copied)
    print_leaderboard(copied)
    for text in (capsys.readouterr().out, (copied / "report.md").read_text()):
        assert f"manifest.json, cells/ngram/0 and tokens/{fingerprint}" in text.replace("**", "").replace("`", "")
    with pytest.raises(RunFolderError, match=r"ngram/0/checksums\.json is missing"):
        lmcompare.load(copied).model("ngram")


def test_an_unknown_model_is_an_error(run: Run) -> None:
    with pytest.raises(RunFolderError, match="no model 'nobody'"):
        run.model("nobody")


@pytest.mark.slow
def test_cells_that_do_not_tell_their_machine_were_run_on_that_of_the_run(copied: Path) -> None:
    (here,) = load_run(copied).machines
    for path in copied.glob("cells/*/*/cost.json"):
        edit(path, machines=None)
    hardware = json.loads((copied / "manifest.json").read_text())["hardware"]
    edit(copied / "manifest.json", hardware={**hardware, "cpu": "Another processor"})
    (other,) = load_run(reseal(copied)).machines
    assert other == replace(here, cpu="Another processor")
    machine = {**{key: hardware[key] for key in ("cpu", "cores", "platform")}, "memory_bytes": 0}
    edit(copied / "cells/ngram/1/cost.json", machines=[machine])
    run = load_run(reseal(copied))
    assert run.machines == (other, here)  # whatever its memory
    assert not run.one_machine
    assert run.part(["unigram"]).one_machine


@pytest.mark.slow
def test_a_curve_counts_the_tokens_that_were_read_before_it(tmp_path: Path) -> None:
    folder = write_run_folder(tmp_path / "run", models=("transformer",), seeds=(0,))
    cell = load_run(folder).model("transformer").cells[0]
    before = cell.curve["tokens"].tolist()
    path = cell.path / "cost.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tokens_before": 1000}))
    after = load_run(reseal(folder)).model("transformer").cells[0].curve["tokens"].tolist()
    assert after == [tokens + 1000 for tokens in before]
