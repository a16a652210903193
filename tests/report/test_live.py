"""The models of the page give Python's ids and probabilities, and show from where a guess comes."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import lmcompare
from lmcompare.analysis import load_run
from lmcompare.api import Comparison
from lmcompare.corpora import documents_of
from lmcompare.corpora.schemes.gensim_data import SOURCE
from lmcompare.errors import LmcompareError
from lmcompare.models.cache.plugin import CacheModel
from lmcompare.report.data import ReportData
from lmcompare.report.write import write_reports
from lmcompare.studies.live import section as live
from lmcompare.tokens import build_vocabulary, encode_prompt, fit_tokenizer, make_tokenizer
from lmcompare.tokens.codelength.between import SpellingModel
from lmcompare.training.pocket import Pocket
from tests.models.neural_cases import trained
from tests.report.browser import complaints, visit
from tests.report.part import part_of
from tests.report.tree import parse
from tests.report.typed import PIECES, strings
from tests.run_folder import edit
from tests.training.texts import VOCABULARY, chain, fitted

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

FAMILIES = {
    "bags": ("bag", "linear-bag", "placed-bag"),
    "of a few words": ("feed-forward", "bengio", "log-bilinear", "cnn"),
    "recurrent": ("lstm", "multiplicative", "plain-gru", "elman", "min-gru", "qrnn"),
    "linear": ("state-space", "linear-attention"),
    "transformers": ("learned", "sinusoidal", "alibi", "modern", "convolutions"),
}
LITTLE: dict[str, Any] = {"width": 8, "hidden": 8, "steps": 20, "batch": 4, "length": 16}
MARKS = [
    f"The cat saw {n} dogs .\n<unk> it's 日本 <unk> @-@ @-@ <unk>\n" for n in ("two", "three", "some", "2,000")
] * 3
PLAIN = ["The cat saw two dogs.\n"]


def see_that_it_is_cut_alike(engine: Page, kind: str, train: list[str], texts: list[str]) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    fit_tokenizer(tokenizer, train)
    vocabulary = build_vocabulary(documents_of([*train, " ".join(PIECES[:40])]), tokenizer)
    wanted = [encode_prompt(text, tokenizer, vocabulary).tolist() for text in texts]
    found = engine.evaluate(
        """([how, words, end, unknown, texts]) => {
            const cutter = new Cutter(how, words, end, unknown);
            return texts.map((text) => cutter.cut(text).map((token) => [token.id, token.text]));
        }""",
        [tokenizer.in_page(), list(vocabulary.tokens), vocabulary.end, vocabulary.unknown, texts],
    )
    wrong = [text for text, ids, cut in zip(texts, wanted, found, strict=True) if ids != [i for i, _ in cut]]
    assert not wrong, (len(wrong), wrong[:3])
    assert len({tuple(ids) for ids in wanted}) > len(texts) / 10
    for text, cut in zip(texts, found, strict=True):  # unknown words, which share an id, are cut alike, too
        lines = [tokenizer.tokenize(line)[0] for line in text.replace("\r\n", "\n").split("\n")]
        tokens = [token for line in lines for token in (*line, "</s>")][:-1]
        if not tokenizer.in_page().get("escapes"):
            assert [token for _, token in cut] == tokens, text


@pytest.mark.parametrize(
    ("kind", "train"), [("word", MARKS), ("whitespace", MARKS), ("char", MARKS), ("byte", PLAIN)]
)
def test_a_text_is_cut_into_the_ids_of_python(engine: Page, kind: str, train: list[str]) -> None:
    see_that_it_is_cut_alike(engine, kind, train, [text for text in strings(200) if len(text) < 1000])


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    draw = random.Random(1)
    words = ["the", "a", "cat", "dog", "bird", "saw", "heard", "liked", "big", "small", "red", "and", "not", "."]
    lines = ["".join(" ".join(draw.choices(words, k=draw.randint(1, 9))) + "\n") for _ in range(500)]
    documents = ["".join(lines[i : i + 5]) for i in range(0, len(lines), 5)]
    models: list[Any] = [
        "unigram",
        "ngram",
        {"plugin": "ngram", "name": "bigram", "order": 2},
        {"plugin": "ngram", "name": "one", "order": 1},
        {"plugin": "ngram", "name": "pruned", "prune": [0, 0, 1]},
        {"plugin": "ngram", "name": "bell", "smoothing": "witten-bell"},
        {"plugin": "cache", "base": "ngram"},
        {"plugin": "rnn", **LITTLE},
    ]
    return lmcompare.compare(documents, models=models, out=tmp_path_factory.mktemp("live") / "run", quiet=True)


@pytest.fixture(scope="module")
def given_away(compared: Comparison) -> Path:
    """The report, with the training text in it."""
    write_reports(compared.folder, {"live_text": True})
    return compared.folder / "report.html"


@pytest.fixture
def page(browser: Browser, given_away: Path) -> Page:
    page = visit(browser, given_away)
    page.locator("#live").scroll_into_view_if_needed()
    page.wait_for_selector(".live[data-shown]", timeout=20_000)
    return page


def asked(page: Page, text: str) -> dict[str, Any]:
    """What the engine of a page says of a text."""
    data = page.locator(".live-data").text_content()
    found: dict[str, Any] = page.evaluate(
        """async ([data, text]) => {
            const { engine, ...rest } = JSON.parse(data);
            const worker = new Worker(URL.createObjectURL(new Blob([engine])));
            const ask = (message) => new Promise((resolve) => {
                worker.onmessage = (event) => resolve(event.data);
                worker.postMessage(message);
            });
            await ask({ id: 1, type: "open", data: rest });
            return (await ask({ id: 2, type: "score", arguments: [text] })).result;
        }""",
        [data, text],
    )
    return found


def see_its_probabilities(page: Page, compared: Comparison, models: tuple[str, ...], *texts: str) -> None:
    for text in texts:
        found = asked(page, text)
        for given, name in zip(found["each"], models, strict=False):
            scored = compared.model(name)
            assert given["bits"] == pytest.approx(scored.score(text).surprisal_bits, abs=1e-5)
            wanted = dict(scored.next_tokens(text, None))
            assert dict(given["next"]) == pytest.approx({word: wanted[word] for word, _ in given["next"]}, rel=1e-5)
            best = sorted(wanted.values(), reverse=True)[:10]
            assert [p for _, p in given["next"]] == pytest.approx(best, rel=1e-5)


def test_probabilities_are_those_of_python_and_how_good_a_copy_is_stands_beside_it(
    page: Page, compared: Comparison
) -> None:
    texts = ("the cat saw a big bird . the cat saw a", "and\nthe zebra\n\nred and\nthe", "", ".")
    see_its_probabilities(page, compared, ("unigram", "ngram", "bigram", "one", "cache"), *texts)

    row = page.locator(".live-model").last
    trained = compared.model("rnn")
    text = trained.corpus.test
    copy = trained.model.in_page(trained.corpus.valid)
    assert copy.log_probs is not None
    lost = (trained.model.log_probs(text) - copy.log_probs(text)).sum() / np.log(2)
    n_bytes = trained.corpus.documents_of("test")["bytes"].sum()
    expect(row).to_contain_text(f"it needs {lost / n_bytes:.3f} bits per byte more than the model itself")
    expect(page.locator(".live-model").first).to_contain_text("The model itself.")
    assert page.locator(".live-model").count() == 6
    assert page.locator("#live").inner_text().count("Kneser-Ney smoothing without pruning only") == 2


def test_a_typed_text_has_figures_in_every_model_beside_another_and_its_guesses_are_traced(
    page: Page, compared: Comparison
) -> None:
    scored = compared.model("unigram")
    page.get_by_label("Your text").fill("the cat saw")
    bits = scored.score("the cat saw").surprisal_bits
    each = sum(bits) / len(bits)
    totals = page.locator(".live-totals tbody tr")
    figures = [f"{sum(bits) / 11:.2f}", f"{sum(bits):.1f}", f"{each:.2f}", f"{2**each:.3g}"]
    expect(totals.first.locator("td")).to_have_text(figures)
    expect(totals).to_have_count(page.locator(".live-model").count())

    page.get_by_label("Your text").fill("der schnelle cat")
    expect(page.locator(".live-state")).to_contain_text("2 of 3 tokens are unknown")
    spelt = scored.corpus.code.spelling.bits([b"der", b"schnelle"]).sum()
    spelt += sum(scored.score("der schnelle cat").surprisal_bits)
    expect(totals.first.locator("td")).to_have_text([f"{spelt / 16:.2f}", "–", "–", "–"])
    page.get_by_label("Your text").fill("the cat saw")

    page.locator(".live-other summary").click()
    page.get_by_label("Another text").fill("the big red cat")
    other = sum(scored.score("the big red cat").surprisal_bits)
    cells = page.locator(".live-other tbody tr").first.locator("td")
    expect(cells).to_have_text([f"{sum(bits):.1f}", f"{other:.1f}", f"+{other - sum(bits):.1f}"])
    page.get_by_label("Another text").fill("the")
    expect(cells.last).to_have_text(f"−{sum(bits) - sum(scored.score('the').surprisal_bits):.1f}")

    row = page.locator(".live-model").nth(1)
    guess = row.locator(".next-words li").first
    word = guess.locator("button").first.inner_text()
    guess.locator(".why").click()
    evidence = row.locator(".evidence li")
    expect(evidence.first).to_contain_text("from “")
    assert evidence.first.locator("b").all_inner_texts()[-1] == word
    guess.locator("button").first.click()
    expect(page.locator(".live")).to_have_attribute("data-shown", f"the cat saw{'' if word == '.' else ' '}{word}")
    expect(page).to_have_url(re.compile(r"live\?text=the.cat.saw.+"))
    assert complaints(page) == []


def test_tokens_smaller_than_words_are_scored_traced_and_typed(browser: Browser, tmp_path: Path) -> None:
    see_smaller_tokens(browser, tmp_path, {"kind": "bpe", "pieces": 300})


def see_smaller_tokens(browser: Browser, place: Path, tokens: dict[str, Any]) -> None:
    documents = [f"The cat saw {n} dogs — a café.\nIt's 日本, and the cat ran.\n" for n in range(60)]
    run = lmcompare.compare(documents, ["unigram", "ngram"], tokens=tokens, out=place / "run", quiet=True)
    write_reports(run.folder, {"live_text": True})
    page = visit(browser, run.folder / "report.html")
    page.locator("#live").scroll_into_view_if_needed()
    page.wait_for_selector(".live[data-shown]", timeout=20_000)
    see_its_probabilities(page, run, ("unigram", "ngram"), "The cat", "It's\na dog é 日", "zebras  𝕏", "")
    text = "The cat"
    page.get_by_label("Your text").fill(text)
    expect(page.locator(".live")).to_have_attribute("data-shown", text)
    row = page.locator(".live-model").nth(1)
    guess = row.locator(".next-words li").first
    guess.locator(".why").click()
    evidence = row.locator(".evidence li").first
    expect(evidence).to_contain_text("from “")
    word = guess.locator("button").first.inner_text().replace("␣", " ")
    assert evidence.locator("b").all_text_contents()[-1] == word == asked(page, text)["each"][1]["next"][0][0]
    assert "The cat saw" in evidence.inner_text()
    guess.locator("button").first.click()
    expect(page.locator(".live")).to_have_attribute("data-shown", text + word)
    assert complaints(page) == []


def packed(data: ReportData) -> Any:
    """What the page carries; None if there is no such section."""
    section = live.build(data)
    if section is None:
        return None
    (script,) = parse(str(section.html)).all("script", "live-data")
    return json.loads("".join(map(str, script.children)))


def test_a_text_of_the_user_is_not_given_away(
    compared: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load_run(compared.folder)
    assert packed(ReportData(run, page={"live_text": True}))["text"] is not None
    data = packed(ReportData(run))
    assert data["text"] is None
    assert [model["copy"]["kind"] for model in data["models"]] == ["frequencies", "network"]
    assert packed(ReportData(run, page={"live": "none"})) is None
    named = Path(shutil.copytree(compared.folder, tmp_path / "run"))
    corpus = json.loads((named / "manifest.json").read_text(encoding="utf-8"))["corpus"]
    edit(named, corpus=corpus | {"name": "wiki-sample"})  # the name of the public text
    assert packed(ReportData(load_run(named)))["text"] is None
    edit(named, corpus=corpus | {"source": SOURCE})
    section = live.build(ReportData(load_run(named)))
    assert section is not None
    assert "CC BY-SA" in section.html
    assert packed(ReportData(load_run(named)))["text"] is not None
    monkeypatch.setattr(live, "MOST_TOKENS", 10)
    assert packed(ReportData(load_run(named)))["text"] is None


def test_why_the_page_has_no_models_is_said(tmp_path: Path) -> None:
    folder = part_of(tmp_path, ("unigram", "ngram"))
    tokens = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["tokens"]
    for in_page, said in (({"reason": "it cuts the text by Split"}, "by Split"), ({}, "run it again")):
        edit(folder, tokens={name: table | {"in_page": in_page} for name, table in tokens.items()})
        again = ReportData(load_run(folder))
        for model in again.models:
            model.cell._studies["live"]["measured"] = {"kind": "frequencies"}  # type: ignore[index]
        section = live.build(again)
        assert section is not None
        assert said in section.html
        assert "live-data" not in section.html


@pytest.mark.parametrize("family", FAMILIES)
def test_networks_give_the_log_probabilities_of_their_copies(
    engine: Page, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    see_their_log_probabilities(engine, FAMILIES[family], monkeypatch)


def test_a_network_that_the_page_can_not_compute_says_so() -> None:
    with pytest.raises(LmcompareError, match="the page "):
        trained("encoder-decoder").in_page(chain(1, 2, 50))


def see_their_log_probabilities(engine: Page, cases: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pocket, "_affordable", lambda _: len(VOCABULARY) - 3)
    texts = [chain(seed, 1, length) for seed, length in ((3, 1), (4, 5), (5, 40), (6, 2))]
    for case in cases:
        copy = trained(case).in_page(chain(1, 2, 50))
        assert copy.log_probs is not None
        found = engine.evaluate(
            """async ([copy, words, texts]) => {
                const network = await Network.of(copy, { words });
                return texts.map((ids) => ids.map((id, i) => [
                    Math.log(network.probability(ids.slice(0, i), id)),
                    network.distribution(ids.slice(0, i)).reduce((a, b) => a + b, 0),
                ]));
            }""",
            [copy.table, list(VOCABULARY.tokens), [text.ids.tolist() for text in texts]],
        )
        for text, scores in zip(texts, found, strict=True):
            assert [nats for nats, _ in scores] == pytest.approx(copy.log_probs(text), abs=1e-4), case
            assert [total for _, total in scores] == pytest.approx(np.ones(len(text)), abs=1e-5), case


def test_a_cache_over_the_copy_of_a_network(engine: Page) -> None:
    copy = fitted(CacheModel("rnn", LITTLE, order=2)).in_page(chain(1, 2, 50))
    assert copy.log_probs is not None
    text = chain(5, 1, 40)
    found = engine.evaluate(
        """async ([copy, words, ids]) => {
            const model = await KINDS.cache(copy, { words });
            return ids.map((id, i) => {
                const p = model.distribution(ids.slice(0, i));
                return [Math.log(model.probability(ids.slice(0, i), id)), Math.log(p[id]), p.reduce((a, b) => a + b)];
            });
        }""",
        [copy.table, list(VOCABULARY.tokens), text.ids.tolist()],
    )
    alone, among, totals = np.array(found).T
    assert alone == pytest.approx(copy.log_probs(text), abs=1e-4)
    assert among == pytest.approx(alone, abs=1e-6)
    assert totals == pytest.approx(np.ones(len(text)), abs=1e-5)


def test_words_are_spelt_as_in_python(engine: Page) -> None:
    model = SpellingModel([b"abc", b"abcd", b"bca", "é日".encode(), b"a"], order=3)
    words = ["", "a", "abc", "cab", "日é", "xyzxyzxyz"]
    found = engine.evaluate(
        "([table, words]) => { const s = new Spelling(table); return words.map((word) => s.bits(word)); }",
        [model.to_json(), words],
    )
    assert found == pytest.approx(model.bits([word.encode() for word in words]), rel=1e-12)


def test_what_was_read_is_not_read_again(engine: Page) -> None:
    copy = trained("plain-lstm").in_page(chain(1, 2, 50))
    steps = engine.evaluate(
        """async ([copy, words]) => {
            const network = await Network.of(copy, { words });
            let steps = 0;
            const step = network.step;
            network.step = (...given) => { steps += 1; return step(...given); };
            const counts = [];
            for (const ids of [[2, 3, 4], [2, 3, 4, 5], [2, 3], [2, 3, 4, 5], [2, 5, 4], []]) {
                network.distribution(ids);
                counts.push(steps);
            }
            return counts;
        }""",
        [copy.table, list(VOCABULARY.tokens)],
    )
    assert steps == [4, 5, 5, 5, 7, 7]


def test_counts_of_phrases_against_brute_force(engine: Page) -> None:
    draw = np.random.default_rng(0)
    ids = draw.integers(0, 4, 300)
    documents = [0, 100, 100, 250]
    found = engine.evaluate(
        """([ids, documents, phrases]) => {
            const made = new Phrases(Uint16Array.from(ids), documents, 0, 4, 3);
            return phrases.map((phrase) => {
                const [from, to] = made.find(phrase);
                const after = made.followers(phrase, true);
                return [to - from, after && Object.fromEntries(after.of)];
            });
        }""",
        [ids.tolist(), documents, [[1], [1, 2], [3, 3], [2, 1], [4], [4, 1], [0, 1]]],
    )
    text: list[int] = []
    for i, token in enumerate(ids.tolist()):
        if i == 0 or ids[i - 1] == 0 or i in documents:
            text.append(4)
        text.append(token)
    for phrase, (times, after) in zip([[1], [1, 2], [3, 3], [2, 1], [4], [4, 1]], found, strict=False):
        places = [i for i in range(len(text)) if text[i : i + len(phrase)] == phrase]
        assert times == len(places)
        pairs = {(text[i + len(phrase)], text[i - 1] if i else None) for i in places if i + len(phrase) < len(text)}
        wanted = {word: len({p for w, p in pairs if w == word}) for word, _ in pairs if word != 4}
        assert {int(word): count for word, count in (after or {}).items()} == wanted
