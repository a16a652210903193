"""Several runs in one report: which become one table, and how the texts of the others differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from lmcompare.analysis import (
    Run,
    RunFolderError,
    join,
    leaderboard,
    load_run,
    results,
)
from lmcompare.analysis.joined import differences, same_tokenizer
from tests.analysis.tiny import tiny_run
from tests.run_folder import reseal

PARTS = {"read": "r", "changes": [], "train": "a", "valid": "b", "test": "c", "marks": "m", "names": "n"}
SPLITS = {which: {"words": words, "documents": 2, "sentences": 3, "bytes": 9} for which, words in
          (("train", 1000), ("valid", 10), ("test", 20))}  # fmt: skip
CHARGED = {"tokenizer": "t", "vocabulary": "v", "charged": "1"}
MACHINE = {"cpu": "A", "cores": 2, "memory_bytes": 2**33, "platform": "Linux x86_64"}
DOCUMENTS = [[2], [1, 1], [2], [2], [2], [2]]
GIVEN = [0.5, 0.25] * 6

pytestmark = pytest.mark.slow


def a_run(
    path: Path,
    models: Mapping[str, Sequence[Sequence[float]]] | None = None,
    *,
    name: str = "",
    fingerprint: str = "c",
    parts: Mapping[str, Any] | None = None,
    splits: Mapping[str, Any] | None = None,
    charged: Mapping[str, str] = CHARGED,
    cells: Mapping[str, Mapping[str, Any]] | None = None,
    cpu: str = "A",
    seeds: Mapping[str, Sequence[int]] | None = None,
    source: str = "a.txt",
    tokens: str = "fp",
) -> Run:
    """A run of unigram and ngram on twelve tokens, its manifest as a real one's."""
    given = models or {"unigram": [[0.25] * 12], "ngram": [GIVEN]}
    known = {model: {"identity": f"{model} as ever", **(cells or {}).get(model, {})} for model in given}
    costs = {model: {"machines": [{**MACHINE, "cpu": cpu}]} for model in given}
    tiny_run(path, given, documents=DOCUMENTS, cells=known, costs=costs)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest["name"] = name or path.name
    sizes = {which: {**SPLITS[which], **(splits or {}).get(which, {})} for which in SPLITS}
    tables = {"parts": {**PARTS, **(parts or {})}, "splits": sizes, "notes": []}
    manifest["corpus"] = {"name": "text", "source": source, "fingerprint": fingerprint, **tables}
    ((fingerprint, about),) = manifest["tokens"].items()
    manifest["tokens"] = {tokens: about | {"parts": {**about["parts"], **charged}, "types": 5}}
    (path / "tokens" / fingerprint).rename(path / "tokens" / tokens)
    for row in manifest["models"]:
        row["tokens_fingerprint"] = tokens
        for new, old in zip((seeds or {}).get(row["name"], ()), list(row["seeds"]), strict=False):
            (path / "cells" / row["name"] / str(old)).rename(path / "cells" / row["name"] / str(new))
            row["seeds"], row["cells"] = [new], [f"cells/{row['name']}/{new}"]
    (path / "manifest.json").write_text(json.dumps(manifest))
    return load_run(reseal(path))


def test_runs_on_one_text_become_one_table_ranked_together(tmp_path: Path) -> None:
    one = a_run(tmp_path / "one", {"unigram": [[0.25] * 12]})
    two = a_run(tmp_path / "two", {"ngram": [GIVEN]})
    (table,) = join([one, two])
    assert table.differences == ()
    assert [m.name for m in table.run.models] == ["unigram", "ngram"]
    together = a_run(tmp_path / "together")
    assert results(table.run)["models"] == results(together)["models"]
    assert results(table.run)["differences"] == results(together)["differences"], "compared in pairs, as in one run"
    assert {name: asdict(sizes) for name, sizes in table.run.corpus.splits.items()} == SPLITS
    assert table.run.one_machine


@pytest.mark.parametrize(("first", "second"), [("order 3", "order 5"), (None, None)])
def test_models_of_one_name_that_differ_or_of_no_noted_identity_are_told_apart(
    tmp_path: Path, first: str | None, second: str | None
) -> None:
    runs = [
        a_run(tmp_path / name, cells={"ngram": {"identity": identity}})
        for name, identity in (("one", first), ("two", second))
    ]
    (table,) = join(runs)
    assert [m.name for m in table.run.models] == ["unigram", "ngram (one)", "ngram (two)"]
    assert {cell.name for cell in table.run.cells} == {"unigram", "ngram (one)", "ngram (two)"}
    assert list(leaderboard(table.run)["name"]) == ["ngram (one)", "ngram (two)", "unigram"]


def test_the_same_model_with_other_seeds_is_one_model(tmp_path: Path) -> None:
    one = a_run(tmp_path / "one", {"ngram": [GIVEN, GIVEN]})
    two = a_run(tmp_path / "two", {"ngram": [[0.5] * 12]}, seeds={"ngram": [7]})
    (table,) = join([one, two])
    assert table.run.model("ngram").seeds == (0, 1, 7)
    again = a_run(tmp_path / "again", {"ngram": [[0.125] * 12]})
    (table,) = join([one, again])
    assert table.run.model("ngram").seeds == (0, 1), "a seed that both have is taken from the first"
    assert results(table.run)["models"][0]["perplexity"] == pytest.approx(8**0.5)


def test_a_failed_cell_gives_way_to_one_that_another_run_finished(tmp_path: Path) -> None:
    one = a_run(tmp_path / "one", {"ngram": [GIVEN, GIVEN]})
    (tmp_path / "one" / "cells" / "ngram" / "1" / "cell.json").write_text('{"status": "failed", "error": "x"}')
    two = a_run(tmp_path / "two", {"ngram": [[0.5] * 12]}, seeds={"ngram": [1]})
    (table,) = join([load_run(reseal(one.path)), two])
    assert table.run.model("ngram").seeds == (0, 1)
    assert table.run.model("ngram").failed == ()


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"parts": {"read": "x", "test": "x"}, "source": "b.txt"}, "test text"),
        ({"parts": {"read": "x", "valid": "x"}}, "validation text"),
        ({"parts": {"read": "x", "train": "x"}}, "training text"),
        ({"parts": {"read": "x"}}, "source text"),
        ({"parts": {"changes": ["lower case"], "train": "x", "valid": "x", "test": "x", "marks": "x"}}, "changes"),
        ({"parts": {"test": "x"}, "splits": {"test": {"words": 30}}}, "test split"),
        ({"parts": {"train": "x"}, "splits": {"train": {"words": 500}}}, "training split"),
        ({"parts": {"valid": "x"}}, "validation split"),
        ({"parts": {"marks": "x"}}, "boundaries"),
        ({"parts": {"names": "x"}}, "names"),
    ],
)
def test_how_the_texts_differ(tmp_path: Path, changed: Mapping[str, Any], kind: str) -> None:
    first = a_run(tmp_path / "first")
    other = a_run(tmp_path / "other", fingerprint="d", **changed)
    tables = join([first, other, a_run(tmp_path / "third")])
    assert [list(table.run.labels) for table in tables] == [["first", "third"], ["other"]]
    assert tables[0].differences == ()
    assert [d.kind for d in tables[1].differences] == [kind]


def test_a_change_that_also_moves_the_split_counts_twice(tmp_path: Path) -> None:
    first = a_run(tmp_path / "first")
    changed = {"changes": ["lower case"], "test": "x", "marks": "x"}
    other = a_run(tmp_path / "other", fingerprint="d", parts=changed, splits={"test": {"words": 30}})
    assert [d.kind for d in differences(other, first)] == ["changes", "test split"]


def test_bytes_that_are_charged_in_another_way(tmp_path: Path) -> None:
    first = a_run(tmp_path / "first")
    other = a_run(tmp_path / "other", charged={**CHARGED, "charged": "2"}, tokens="fp2")
    assert len(join([first, other])) == 2
    assert [d.kind for d in differences(other, first)] == ["charging"]
    assert differences(a_run(tmp_path / "same", charged={}), first) == [], "their tokens are the same"
    words = a_run(tmp_path / "words", tokens="fp4")
    assert differences(words, first) == [], "other tokens, charged alike"


def test_labels_are_never_the_same(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / path, name=name, cells={"ngram": {"identity": path}})
            for path, name in (("x", "a"), ("a", "b"), ("c", "b"))]  # fmt: skip
    (table,) = join(runs)
    assert len(set(table.run.labels)) == 3
    assert len({model.name for model in table.run.models}) == 4


def test_in_what_tokens_differ(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run")
    for name, parts in (("small", {**CHARGED, "vocabulary": "w"}), ("char", {**CHARGED, "tokenizer": "u"})):
        run.manifest.tokens[name] = replace(run.manifest.tokens["fp"], parts=parts)
    assert same_tokenizer(run, "small", "fp")
    assert not same_tokenizer(run, "char", "fp")


def test_runs_of_one_name_are_called_by_their_folders(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    runs = [a_run(tmp_path / path, name="same") for path in ("one", "two", "x/two")]
    (table,) = join([*runs, a_run(tmp_path / "other", cpu="B")])
    assert not table.run.one_machine
    assert table.run.labels == ("one", str(tmp_path / "two"), str(tmp_path / "x" / "two"), "other")
    with pytest.raises(RunFolderError, match="no run"):
        join([])
