"""The models of the page give Python's ids and probabilities, and show from where a guess comes."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

import lmcompare
from lmcompare import corpora
from lmcompare.api import Comparison
from lmcompare.corpora import documents_of
from lmcompare.errors import LmcompareError
from lmcompare.report.build import write_reports
from lmcompare.tokens import build_vocabulary, encode_prompt, fit_tokenizer, make_tokenizer
from lmcompare.training.pocket import Pocket
from tests.models.neural_cases import CASES, trained
from tests.report.browser import complaints, visit
from tests.report.typed import PIECES, strings
from tests.training.texts import VOCABULARY, chain

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

WITHOUT = ("wordnet-bag", "encoder-decoder", "overlapping-chunks")  # networks that the page can't compute


TEXTS = [
    f"The cat saw {n} dogs .\n<unk> it's 日本 <unk> @-@ @-@ <unk>\n" for n in ("two", "three", "some", "2,000")
] * 3


@pytest.mark.parametrize("train", [TEXTS, ["The cat saw two dogs.\n"]], ids=["marks", "plain"])
@pytest.mark.parametrize("kind", ["word", "whitespace", "char", "byte"])
def test_a_text_is_cut_into_the_ids_of_python(engine: Page, kind: str, train: list[str]) -> None:
    tokenizer = make_tokenizer({"kind": kind})
    fit_tokenizer(tokenizer, train)
    documents = documents_of([*train, " ".join(PIECES[:40])])
    vocabulary = build_vocabulary(documents, tokenizer)
    texts = strings()
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
    assert len({tuple(ids) for ids in wanted}) > 100
    for text, cut in zip(texts, found, strict=True):  # unknown words, which share an id, are cut alike, too
        lines = [tokenizer.tokenize(line)[0] for line in text.replace("\r\n", "\n").split("\n")]
        tokens = [token for line in lines for token in (*line, "</s>")][:-1]
        if not tokenizer.in_page().get("escapes"):
            assert [token for _, token in cut] == tokens, text


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    draw = random.Random(1)
    words = ["the", "a", "cat", "dog", "bird", "saw", "heard", "liked", "big", "small", "red", "and", "not", "."]
    lines = ["".join(" ".join(draw.choices(words, k=draw.randint(1, 9))) + "\n") for _ in range(900)]
    documents = ["".join(lines[i : i + 5]) for i in range(0, len(lines), 5)]
    models: list[Any] = [
        "unigram",
        "ngram",
        {"plugin": "ngram", "name": "bigram", "order": 2},
        {"plugin": "ngram", "name": "one", "order": 1},
        {"plugin": "ngram", "name": "pruned", "prune": [0, 0, 1]},
        {"plugin": "ngram", "name": "bell", "smoothing": "witten-bell"},
        {"plugin": "rnn", "width": 8, "hidden": 8, "steps": 20, "batch": 4, "length": 16},
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


def test_what_is_typed_before_the_models_are_ready_is_scored_when_they_are(
    browser: Browser, given_away: Path
) -> None:
    page = browser.new_page()
    page.add_init_script("""
        const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (asked) {
            setTimeout(() => post.call(this, asked), asked.type === "open" ? 1500 : 0);
        };
    """)
    page.goto(given_away.as_uri())
    page.locator("#live").scroll_into_view_if_needed()
    page.locator(".live textarea").first.fill("the dog")
    page.wait_for_timeout(500)
    expect(page.locator(".live-state")).to_contain_text("prepared")
    expect(page.locator(".live")).to_have_attribute("data-shown", "the dog", timeout=20_000)
    expect(page.locator(".live-state")).to_have_text("")
    page.close()


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


@pytest.mark.parametrize("text", ["the cat saw a big bird . the", "and\nthe zebra\n\nred not", "", "."])
def test_probabilities_are_those_of_python(page: Page, compared: Comparison, text: str) -> None:
    found = asked(page, text)
    for m, name in enumerate(("unigram", "ngram", "bigram", "one")):
        trained = compared.model(name)
        scored = trained.score(text)
        given = found["each"][m]
        assert given["bits"] == pytest.approx(scored.surprisal_bits, abs=1e-5)
        wanted = dict(trained.next_tokens(text, None))
        assert dict(given["next"]) == pytest.approx({word: wanted[word] for word, _ in given["next"]}, rel=1e-5)
        best = sorted(wanted.values(), reverse=True)[:10]
        assert [p for _, p in given["next"]] == pytest.approx(best, rel=1e-5)


def test_two_texts_are_compared(page: Page, compared: Comparison) -> None:
    page.get_by_label("Your text").fill("the cat saw")
    page.locator(".live-other summary").click()
    page.get_by_label("Another text").fill("the big cat")
    first, second = (
        sum(compared.model("unigram").score(text).surprisal_bits) for text in ("the cat saw", "the big cat")
    )
    cells = page.locator(".live-other tbody tr").first.locator("td")
    more = round(second - first, 1)
    expect(cells).to_have_text([f"{first:.1f}", f"{second:.1f}", f"{more:+.1f}".replace("-", "−") if more else "0.0"])


def test_the_whole_text_has_a_figure_in_every_model(page: Page, compared: Comparison) -> None:
    page.get_by_label("Your text").fill("the cat saw")
    bits = compared.model("unigram").score("the cat saw").surprisal_bits
    cells = page.locator(".live-totals tbody tr").first.locator("td")
    each = sum(bits) / len(bits)
    expect(cells).to_have_text([f"{sum(bits):.1f}", f"{each:.2f}", f"{2**each:.3g}"])
    expect(page.locator(".live-totals tbody tr")).to_have_count(page.locator(".live-model").count())


def test_how_good_a_copy_is_stands_beside_it(page: Page, compared: Comparison) -> None:
    row = page.locator(".live-model").last
    trained = compared.model("rnn")
    text = trained.corpus.test
    copy = trained.model.in_page(trained.corpus.valid)
    assert copy.log_probs is not None
    lost = (trained.model.log_probs(text) - copy.log_probs(text)).sum() / np.log(2)
    n_bytes = trained.corpus.documents_of("test")["bytes"].sum()
    expect(row).to_contain_text(f"it needs {lost / n_bytes:.3f} bits per byte more than the model itself")
    expect(page.locator(".live-model").first).to_contain_text("The model itself.")


def test_a_guess_is_traced_to_the_training_text(page: Page) -> None:
    page.get_by_label("Your text").fill("the cat saw")
    expect(page.locator(".live")).to_have_attribute("data-shown", "the cat saw")
    row = page.locator(".live-model").nth(1)
    guess = row.locator(".next-words li").first
    word = guess.locator("button").first.inner_text()
    guess.locator(".why").click()
    evidence = row.locator(".evidence li")
    expect(evidence.first).to_contain_text("from “")
    assert evidence.first.locator("b").all_inner_texts()[-1] == word
    guess.locator("button").first.click()
    expect(page.locator(".live")).to_have_attribute("data-shown", f"the cat saw{'' if word == '.' else ' '}{word}")
    assert complaints(page) == []


@pytest.mark.parametrize("kind", ["char", "byte", "bpe"])
def test_tokens_smaller_than_words_are_scored_traced_and_typed(browser: Browser, kind: str, tmp_path: Path) -> None:
    documents = [f"The cat saw {n} dogs — a café.\nIt's 日本, and the cat ran.\n" for n in range(60)]
    tokens = {"kind": kind} | ({"pieces": 300} if kind == "bpe" else {})
    run = lmcompare.compare(documents, ["unigram", "ngram"], tokens=tokens, out=tmp_path / "run", quiet=True)
    write_reports(run.folder, {"live_text": True})
    page = visit(browser, run.folder / "report.html")
    page.locator("#live").scroll_into_view_if_needed()
    page.wait_for_selector(".live[data-shown]", timeout=20_000)
    for text in ("The cat", "It's\na dog é 日", "zebras  𝕏", ""):
        for m, name in enumerate(("unigram", "ngram")):
            given, trained = asked(page, text)["each"][m], run.model(name)
            assert given["bits"] == pytest.approx(trained.score(text).surprisal_bits, abs=1e-5)
            wanted = dict(trained.next_tokens(text, None))
            assert dict(given["next"]) == pytest.approx({word: wanted[word] for word, _ in given["next"]}, rel=1e-5)
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


def test_what_the_page_can_not_compute_is_said(page: Page) -> None:
    said = page.locator("#live").inner_text()
    assert "without pruning" in said
    assert said.count("Kneser-Ney smoothing without pruning only") == 2
    assert page.locator(".live-model").count() == 5


def test_a_text_of_the_user_is_not_given_away(compared: Comparison, given_away: Path) -> None:
    assert '"ids":"' in given_away.read_text(encoding="utf-8")
    write_reports(compared.folder)
    html = (compared.folder / "report.html").read_text(encoding="utf-8")
    data = json.loads(html.split('class="live-data">')[1].split("</script>")[0])
    assert data["text"] is None
    assert [model["copy"]["kind"] for model in data["models"]] == ["frequencies", "network"]
    assert "--live-text" in html
    write_reports(compared.folder, {"live": "none"})
    assert 'class="live-data"' not in (compared.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("cells_here")
def test_a_text_with_the_name_of_the_public_one_is_not_given_away(tmp_path: Path) -> None:
    texts = [f"the {a} saw the {b}\n" for a in ("cat", "dog", "cow") for b in ("rat", "hen", "pig", "fox")] * 3
    private = replace(corpora.load(texts), name="wiki-sample")
    run = lmcompare.compare(private, ["unigram", "ngram"], out=tmp_path / "run", device="cpu", quiet=True)
    assert json.loads(run.to_html().split('class="live-data">')[1].split("</script>")[0])["text"] is None


@pytest.mark.parametrize("case", CASES)
def test_networks_give_the_log_probabilities_of_their_copies(
    engine: Page, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pocket, "_affordable", lambda _: len(VOCABULARY) - 3)
    if case in WITHOUT:
        with pytest.raises(LmcompareError, match="the page "):
            trained(case).in_page(chain(1, 2, 50))
        return
    copy = trained(case).in_page(chain(1, 2, 50))
    assert copy.log_probs is not None
    texts = [chain(seed, 1, length) for seed, length in ((3, 1), (4, 5), (5, 40), (6, 2))]
    words = list(VOCABULARY.tokens)
    found = engine.evaluate(
        """async ([copy, words, texts]) => {
            const network = await Network.of(copy, { words });
            return texts.map((ids) => ids.map((id, i) => [
                Math.log(network.probability(ids.slice(0, i), id)),
                network.distribution(ids.slice(0, i)).reduce((a, b) => a + b, 0),
            ]));
        }""",
        [copy.table, words, [text.ids.tolist() for text in texts]],
    )
    for text, scores in zip(texts, found, strict=True):
        assert [nats for nats, _ in scores] == pytest.approx(copy.log_probs(text), abs=1e-4)
        assert [total for _, total in scores] == pytest.approx(np.ones(len(text)), abs=1e-5)


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
