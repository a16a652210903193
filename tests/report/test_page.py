"""What must be on the page: every model, rank and number, each in its place, and nothing that asks the network."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from lmcompare.analysis import Run, load_run
from lmcompare.analysis.comparison import compare_models
from lmcompare.analysis.results import leaderboard, results
from lmcompare.render import numbers
from lmcompare.render.definitions import joined
from lmcompare.render.tokens import visible
from lmcompare.report.data import ReportData
from lmcompare.report.sections import reproduce
from lmcompare.report.sections.summary import build as build_summary
from lmcompare.studies.mixtures import section as mixtures
from lmcompare.studies.slices import section as slices_section
from lmcompare.studies.slices.slices import by_document
from tests.report.part import part_of
from tests.report.test_contents import BROUGHT
from tests.report.tree import Node, parse
from tests.run_folder import edit

pytestmark = pytest.mark.slow


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_is_one_small_file_that_needs_no_other(page: str, tree: Node) -> None:
    assert len(page.encode()) < 1_000_000
    # what makes a browser ask for something: src, srcset, href of link elements, url(…), @import
    for node in tree.all():
        for key in ("src", "srcset", "data", "poster", "action", "background"):
            assert node.attributes.get(key, "data:").startswith("data:"), node.attributes
        assert node.name not in ("link", "iframe", "object", "embed", "base")
    for node in tree.all("a"):
        assert node.attributes["href"].startswith("data:" if "download" in node.attributes else "#")
    styles = "".join(str(child) for style in tree.all("style") for child in style.children)
    assert "url(" not in styles
    assert "@import" not in styles
    assert not re.search(r"https?://(?!www\.w3\.org/)", page)  # names of XML vocabularies are no addresses


def test_policy_lets_run_only_the_scripts_of_the_report(tree: Node) -> None:
    policy = next(m for m in tree.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
    allowed = re.findall(r"'sha256-([^']+)'", policy.attributes["content"])
    scripts = [s for s in tree.all("script") if s.attributes.get("type") != "application/json"]
    digests = [
        base64.b64encode(hashlib.sha256("".join(map(str, s.children)).encode()).digest()).decode() for s in scripts
    ]
    assert digests == allowed
    assert "default-src 'none'" in policy.attributes["content"]


def test_links_within_the_page_lead_somewhere(tree: Node) -> None:
    ids = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in tree.all("a"):
        assert "download" in node.attributes or node.attributes["href"][1:] in ids


def test_leaderboard_ranks_with_figures_and_intervals(run: Run, tree: Node) -> None:
    ranked = sorted((m for m in results(run)["models"] if m["group"] == "ranked"), key=lambda m: m["bits_per_byte"])
    rows = tree.one("section", id_="leaderboard").one("table").rows()
    assert len(rows) == len(ranked) == 6
    for row, model in zip(rows, ranked, strict=True):
        assert row[0] == numbers.ranks(model["rank_low"], model["rank_high"])
        assert row[1].startswith(model["name"])
        assert row[2] == f"{model['bits_per_byte']:.3f}"
    assert spaced(build_summary(ReportData(run)).title) in tree.one("header").text
    # transformer and rnn-attention are made so that this text can't tell them apart
    assert [row[0] for row in rows][:3] == ["1–2", "1–2", "3"]
    strips = tree.one("section", id_="leaderboard").one("tbody").all("svg", "strip")
    standing = compare_models(run).standing(ranked[0]["name"])
    assert f"{standing.low:.3f} to {standing.high:.3f}" in strips[0].attributes["aria-label"]


def test_figures_per_token_stand_only_beside_the_same_tokens(run: Run, tree: Node) -> None:
    models = {m["name"]: m for m in results(run)["models"]}
    section = tree.one("section", id_="leaderboard")
    rows = {row[1].split()[0]: row for row in section.one("table").rows()}
    assert rows["char-transformer"][4:] == ["–"] * 5
    for name in ("unigram", "ngram", "transformer"):
        model = models[name]
        assert rows[name][4:] == [
            numbers.perplexity(model["perplexity"]),
            numbers.perplexity(model["perplexity_excluding_unknown"]),
            f"{100 * model['top1_accuracy']:.1f} %",
            f"{100 * model['top5_accuracy']:.1f} %",
            numbers.perplexity(model["perplexity_reset"]),
        ]
    apart = next(t for t in section.all("table") if [r[0] for r in t.rows()] == ["char-transformer"])
    assert apart.rows()[0][1] == numbers.perplexity(models["char-transformer"]["perplexity"])


def test_models_without_a_rank_are_set_apart_with_the_reason(tree: Node) -> None:
    apart = tree.one(id_="not-ranked").one("table").rows()
    assert [row[0] for row in apart] == ["leaky"]
    assert "not a valid probability model" in apart[0][1]
    assert "nats when what follows is changed" in apart[0][1]  # the words of the check
    failed = tree.one(id_="failed").one("table").rows()
    assert failed == [["crashing", "0, 1", "crashing stopped in fit: division by zero"]]
    ranked = tree.one("section", id_="leaderboard").one("table").text
    assert "leaky" not in ranked
    assert "crashing" not in ranked


def test_costs_are_those_of_the_results(run: Run, tree: Node) -> None:
    rows = {row[0]: row for row in tree.one("section", id_="cost").one("table", "board").rows()}
    for model in results(run)["models"]:
        if model["group"] != "ranked":
            assert model["name"] not in rows
            continue
        times = [run.model(model["name"]).done[n].cost["processor_seconds"] for n in range(len(model["seeds"]))]
        ends = [spaced(numbers.seconds(pick(times))) for pick in (min, max)]
        if ends[0] != ends[1]:
            assert rows[model["name"]][2].endswith(f"{ends[0]} to {ends[1]}")
            rows[model["name"]][2] = rows[model["name"]][2].removesuffix(f" {ends[0]} to {ends[1]}")
        assert rows[model["name"]][2:] == [
            spaced(text)
            for text in (
                numbers.seconds(model["processor_seconds"]),
                numbers.seconds(model["train_seconds"]),
                numbers.microseconds(model["microseconds_per_token"]),
                numbers.microseconds(model["microseconds_per_list"]),
                numbers.size(model["peak_memory_bytes"]),
                numbers.short(model["parameters"]),
                numbers.size(model["model_bytes"]),
                numbers.short(model["tokens_read"]),
            )
        ]


def test_captions_are_sentences_and_drawings_and_tables_have_names_for_screen_readers(tree: Node) -> None:
    for figure in tree.one("main").all("figure"):
        assert all(caption.text.endswith(".") for caption in figure.all("figcaption"))
        assert "None" not in figure.text
        assert "nan" not in figure.text
    for drawing in tree.all("svg", "chart"):
        assert drawing.attributes["role"] == "img"
        assert drawing.attributes["aria-label"]
    assert all("alt" in image.attributes for image in tree.all("img"))
    assert all(box.attributes["aria-label"] for box in tree.all(class_="scroll"))
    levels = [int(node.name[1]) for node in tree.all() if re.fullmatch(r"h[1-6]", node.name)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_prompts_show_every_model_with_its_five_tokens(run: Run, tree: Node) -> None:
    prompts = tree.one("section", id_="next").all("div", "prompt")
    stored = run.model("ngram").done[0].measured("prompts")
    assert len(prompts) == len(stored)
    for shown, prompt in zip(prompts, stored, strict=True):
        assert prompt["prompt"] in shown.one("h3").text
        columns = shown.all("div", "column")
        assert [c.attributes["aria-label"] for c in columns] == [m.name for m in run.scored]
        items = [item.text for item in columns[1].all("li")]
        first = prompt["next"][0]
        assert len(items) == 5 < len(prompt["next"])
        assert items[0] == spaced(f"{visible(first['token'])} {numbers.probability(first['probability'])}")


def test_sentences_show_the_bits_of_every_token(run: Run, tree: Node) -> None:
    table = tree.one("section", id_="sentences").one("table")
    stored = run.model("unigram").done[0].measured("sentences")[0]
    row = next(r for r in table.rows() if r[0] == "unigram")
    assert row[2:] == [f"{b:.1f}" for b in stored["surprisal_bits"]]
    assert row[1] == f"{sum(stored['surprisal_bits']):.0f}"


def test_a_tenth_less_perplexity_is_also_given_in_bits_per_byte(run: Run) -> None:
    data = ReportData(run)
    tokens = run.manifest.tokens[data.main_tokens].tokens["test"]
    per_byte = -math.log2(0.9) * tokens / run.corpus.splits["test"].bytes
    assert mixtures._bits_per_byte_of_a_tenth(data) == pytest.approx(per_byte)


def test_metadata_keys_that_are_left_out_are_counted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices_section, "MOST_KEYS", 1)
    section = slices_section.build(ReportData(run))
    assert section is not None
    assert "the first 1 keys of their metadata; 1 more key is left out" in section.html


def test_documents_are_those_of_the_slices(run: Run, tree: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = by_document(run)
    table = tree.one("section", id_="wins").all("table")[-1]
    models = [h.text for h in table.one("thead").all("th")][2:]
    for row in table.rows():
        mine = rows[rows["value"] == row[0]].set_index("model")["bits_per_byte"]
        assert row[2:] == [numbers.bits_per_byte(mine[name]) for name in models]
    assert len(table.rows()) == rows["value"].nunique() == 40
    monkeypatch.setattr(slices_section, "DOCUMENTS", 3)
    found = slices_section._board(rows, ReportData(run).comparable)
    assert found is not None
    assert found.title == "The 3 of 40 documents on which the models differ most"
    spread = [max(values) - min(values) for _, _, values in found.rows]
    assert spread == sorted(spread, reverse=True)
    wide = rows[rows["model"].isin(models)].pivot(index="place", columns="model", values="bits_per_byte")
    assert spread[2] == pytest.approx(sorted(wide.max(axis=1) - wide.min(axis=1))[-3])


def test_the_reader_says_how_much_of_the_text_it_chose_from(run: Run, tree: Node) -> None:
    shares = []
    for model in run.scored:
        stored = len(model.done[0].top[["document", "position"]].drop_duplicates())
        shares.append(stored / run.manifest.tokens[model.tokens_fingerprint].tokens["test"])
    assert min(shares) < 1
    assert f"a random {100 * min(shares):.0f} %" in tree.one("section", id_="reader").text


def test_inside_shows_every_exhibit_of_every_model(run: Run, tree: Node) -> None:
    for model in run.scored:
        article = tree.one("article", id_=f"inside-{model.name}")
        titles = [h.text for h in article.all("h4")]
        assert titles == [table["title"] for table in model.done[0].measured("exhibits")]
        assert model.summary in article.text


def test_reports_beside_it_on_the_same_text_are_linked(tmp_path: Path) -> None:
    one, other, bare = (part_of(tmp_path / name, ("unigram",)) for name in ("one run", "other", "bare"))
    for folder in (one, other):
        (folder / "report.html").write_text("", encoding="utf-8")
    (bare / "report.html").unlink(missing_ok=True)
    edit(other, commit="abc123")
    html = str(reproduce.build(ReportData(load_run(other))).html)
    assert re.findall('href="(../[^"]*)"', html) == ["../one%20run/report.html"]
    assert "commit abc123" in html


def test_tells_what_was_run_and_how_to_run_it_again(run: Run, tree: Node) -> None:
    reproduce = tree.one("section", id_="reproduce")
    text = reproduce.text
    for value in (
        run.manifest.lmcompare,
        run.manifest.command,
        run.corpus_fingerprint,
        *run.tokens,
        *map(str, run.manifest.versions.values()),
        run.manifest.hardware.cpu,
    ):
        assert value in text
    digest = hashlib.sha256((run.path / "manifest.json").read_bytes()).hexdigest()
    assert f"identifier {digest[:16]}" in text
    assert ["Run identifier", f"{digest[:16]} (SHA-256 of manifest.json)"] in reproduce.rows()
    corpus = tree.one("section", id_="text").text
    assert run.corpus.notes[0] in corpus
    assert numbers.count(run.corpus.splits["train"].bytes) in corpus


def test_every_number_is_defined_with_its_unit(tree: Node) -> None:
    glossary = tree.one("section", id_="definitions")
    terms = {key: term for group in joined(BROUGHT).values() for key, term in group.items()}
    used = {a.attributes["href"].partition("#term-")[2] for a in tree.all("a") if "#term-" in a.attributes["href"]}
    assert {"perplexity", "bits_per_byte", "processor_seconds"} <= used < set(terms)
    assert {each.attributes["id"] for each in glossary.all("div") if "id" in each.attributes} == {
        f"term-{key}" for key in used
    }
    for key in used:
        term, entry = terms[key], glossary.one(id_=f"term-{key}").text
        assert term.definition in entry
        assert term.unit in entry


def test_the_tree_that_these_tests_stand_on_notices_broken_pages() -> None:
    for broken in ("<p><b></p>", "<div>"):
        with pytest.raises(AssertionError):
            parse(broken)


def test_the_figures_can_be_saved_from_the_page(run: Run, tree: Node) -> None:
    (link,) = (node for node in tree.all("a") if "download" in node.attributes)
    kind, _, packed = link.attributes["href"].partition(",")
    assert kind == "data:text/csv;charset=utf-8;base64"
    saved = pd.read_csv(io.BytesIO(base64.b64decode(packed)))
    assert list(saved["name"]) == list(leaderboard(run)["name"])
    assert saved["bits_per_byte"].to_numpy() == pytest.approx(leaderboard(run)["bits_per_byte"], nan_ok=True)
