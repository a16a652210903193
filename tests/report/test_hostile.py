"""Text is data: markup in names, tokens, prompts, notes and errors is shown as it is and never becomes markup."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lmcompare.exhibits import KINDS, to_json
from lmcompare.render.templating import asset
from lmcompare.report.page import SCRIPTS
from lmcompare.runfolder.layout import MEASURED
from lmcompare.study import brought, studies
from tests.exhibit_samples import samples
from tests.made import made
from tests.measured import change_measured
from tests.report.part import part_of
from tests.report.tree import Node, parse
from tests.run_folder import edit, reseal, write_report

pytestmark = pytest.mark.slow

EVIL = '</script></style></title><script>window.evil=1</script><img src=x onerror="window.evil=1">\'&'
ARABIC, EMOJI, LONG = "مرحبا", "👩‍🔬", "x" * 3000


def poison(value: Any) -> Any:
    """Put something evil into every text of a JSON value."""
    if isinstance(value, dict):
        return {key: poison(v) for key, v in value.items()}
    if isinstance(value, list):
        return [poison(v) for v in value]
    return value + EVIL if isinstance(value, str) else value


def poison_files(folder: Path, pattern: str, *keys: str) -> None:
    """Poison these entries of the JSON objects in files of a run."""
    for path in folder.glob(pattern):
        table = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(table | {key: poison(table.get(key)) for key in keys}), encoding="utf-8")


@pytest.fixture(scope="module")
def poisoned() -> Path:
    """A run in which all that a stranger could write is evil."""
    return made("evil", _write_poisoned)


def _write_poisoned(place: Path) -> None:
    folder = part_of(place, ("unigram", "ngram", "leaky", "crashing"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    corpus = manifest["corpus"] | {key: poison(manifest["corpus"][key]) for key in ("name", "source", "notes")}
    models = [model | {"name": model["name"] + EVIL} for model in manifest["models"]]
    for table in manifest["tokens"].values():
        table["description"] = poison(table["description"])
    edit(folder, corpus=corpus, models=models, tokens=manifest["tokens"])
    poison_files(
        folder, "manifest.json", "name", "command", "experiment", "preset", "versions", "hardware", "created"
    )
    poison_files(folder, "cells/*/*/cell.json", "error", "summary", "notes", "hyperparameters", "truth")
    poison_files(folder, "cells/*/*/cost.json", "machines")
    for cell in folder.glob("cells/*/*"):
        if (cell / MEASURED).exists():
            for study in ("prompts", "contexts", "story", "live"):
                change_measured(cell, study, poison)
            change_measured(cell, "sentences", _with_odd_tokens)
            stored = [*(to_json(exhibit) for exhibit in samples(EVIL)), {"kind": EVIL, "title": EVIL}]
            change_measured(cell, "exhibits", partial(lambda new, _: new, stored))
    for path in [*folder.glob("cells/*/*/top.parquet"), *folder.glob("cells/*/*/scores.parquet")]:
        table = pd.read_parquet(path)
        table["token"] = table["token"].where(table["token"] == "</s>", table["token"] + EVIL)
        table.to_parquet(path, index=False)
    for path in folder.glob("tokens/*/documents.parquet"):
        documents = pd.read_parquet(path)
        documents["name"] += EVIL
        metadata = [json.dumps({"genre": text + EVIL}) for text in ("a", "b") * len(documents)]
        documents["metadata"] = [*metadata[: len(documents) - 1], "no JSON"]
        documents.to_parquet(path, index=False)
    write_report(reseal(folder))


def _with_odd_tokens(sentences: list[Any]) -> Any:
    poisoned = poison(sentences)
    poisoned[0]["tokens"][:3] = [ARABIC, EMOJI, LONG]
    return poisoned


@pytest.fixture(scope="module")
def poisoned_tree(poisoned: Path) -> Node:
    return parse((poisoned / "report.html").read_text(encoding="utf-8"))


def test_nothing_evil_is_an_element(poisoned_tree: Node) -> None:
    scripts = [s for s in poisoned_tree.all("script") if s.attributes.get("type") != "application/json"]
    known = {*map(asset, SCRIPTS), *(brought(study, "script") for study in studies().values())}
    assert {"".join(map(str, script.children)) for script in scripts} <= known
    for node in poisoned_tree.all():
        assert not any(key.startswith("on") for key in node.attributes), node.attributes
        assert node.attributes.get("src", "data:").startswith("data:")


def test_embedded_json_can_not_end_its_element_and_is_still_json(poisoned_tree: Node) -> None:
    data = [s for s in poisoned_tree.all("script") if s.attributes.get("type") == "application/json"]
    assert data
    for script in data:
        text = "".join(str(child) for child in script.children)
        assert "<" not in text
        json.loads(text)


def test_it_is_shown_as_it_is_in_every_kind_of_exhibit_too(poisoned_tree: Node) -> None:
    kinds = {c for f in poisoned_tree.all("figure", "exhibit") for c in f.attributes["class"].split()}
    assert {f"kind-{kind}" for kind in KINDS.installed()} <= kinds
    for key in ("leaderboard", "next", "sentences", "inside", "reader", "text", "truth", "reproduce"):
        assert EVIL in poisoned_tree.one("section", id_=key).text
    assert EVIL in poisoned_tree.one("header").text


def test_other_scripts_and_long_words_are_there(poisoned_tree: Node) -> None:
    table = poisoned_tree.one("section", id_="sentences").one("table").text
    assert ARABIC in table
    assert EMOJI in table
    assert LONG[:17] + "…" in table
    assert any(bdi.attributes.get("title", "") == LONG for bdi in poisoned_tree.all("bdi"))


def test_drawings_and_markdown_hold_no_element_of_it(poisoned: Path) -> None:
    for path in (poisoned / "charts").iterdir():
        text = path.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "<img" not in text
    markdown = (poisoned / "report.md").read_text(encoding="utf-8")
    outside_code = re.sub(r"`[^`\n]*`", "", "".join(markdown.split("```")[::2]))
    assert not re.search(r"(?<!\\)<", outside_code)
