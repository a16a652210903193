"""The slices: every token once, by the value that it has, and kinds of words by a rule."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmcompare.analysis import Run, load_run, results
from lmcompare.studies.slices.slices import MOST_KEYS, TOKEN_SLICES, metadata_keys, slices
from lmcompare.studies.slices.words import CLASSES, FREQUENT, word_classes
from tests.analysis.scores import token_scores
from tests.analysis.tiny import tiny_run


def rows(table: pd.DataFrame, column: str) -> dict[str, float]:
    return dict(zip(table["value"], table[column].tolist(), strict=True))


def test_slices_by_hand(tmp_path: Path) -> None:
    # two documents of one sentence of four tokens; surprisals 1 2 3 4 and 2 2 2 6 bits
    run = tiny_run(
        tmp_path,
        {"a": [2.0 ** -np.array([1, 2, 3, 4, 2, 2, 2, 6])]},
        documents=[[4], [4]],
        n_bytes=[5, 10],
        overhead_bits=[0, 0, 0, 0, 0, 0, 0, 8],
        train_count=[0, 1, 2, 3, 4, 100, 101, 20_000],
        repeated=[False, False, True, True, False, True, True, False],
        seen_2=[False, True, True, True, False, True, False, False],
        seen_3=[False, False, True, True, False, False, False, False],
        seen_4=[False, False, False, True, False, False, False, False],
        metadata=[{"genre": "news"}, {"genre": "food"}],
    )
    found = slices(run)
    counts = found["train_count"]
    assert rows(counts, "surprisal") == pytest.approx(
        {"0": 1, "1": 2, "2–3": 3.5, "4–10": 2, "11–100": 2, "101–1,000": 2, "over 10,000": 6}
    )
    assert rows(counts, "tokens") == {
        "0": 1,
        "1": 1,
        "2–3": 2,
        "4–10": 1,
        "11–100": 1,
        "101–1,000": 1,
        "over 10,000": 1,
    }
    assert rows(counts, "share")["2–3"] == 0.25
    assert rows(counts, "perplexity")["over 10,000"] == pytest.approx(64)
    # longest seen: 1 2 3 4, 1 2 1 1
    assert rows(found["seen_order"], "surprisal") == pytest.approx({"1": 11 / 4, "2": 2, "3": 3, "4": 4})
    # before the token: none 1 2 3, none 1 2 1
    assert rows(found["context_order"], "surprisal") == pytest.approx({"1": 10 / 3, "2": 5 / 2, "3": 4})
    assert rows(found["position_in_sentence"], "surprisal") == pytest.approx({"1": 1.5, "2": 2, "3": 2.5, "4": 5})
    assert rows(found["position_in_document"], "tokens") == {"1–16": 8}
    # the first token is unknown; of the others new are 2 2 6, repeated 3 4 2 2
    assert rows(found["repeated"], "surprisal") == pytest.approx({"first mention": 10 / 3, "repetition": 11 / 4})
    # seen 1 to 100 times: new 2 2, repeated 3 4 2
    assert rows(found["repeated_rare"], "surprisal") == pytest.approx({"first mention": 2, "repetition": 3})
    # 10 bits of 5 bytes; 12 + 8 bits of 10 bytes
    assert rows(found["document"], "bits_per_byte") == pytest.approx({"d0": 2, "d1": 2})
    assert rows(found["document"], "perplexity") == pytest.approx({"d0": 2**2.5, "d1": 8})
    assert rows(found["metadata:genre"], "bits_per_byte") == pytest.approx({"food": 2, "news": 2})
    assert rows(found["metadata:genre"], "perplexity") == pytest.approx({"food": 8, "news": 2**2.5})
    assert counts["low"].isna().all()  # two documents say nothing of others


def test_only_the_first_metadata_keys_have_tables(tmp_path: Path) -> None:
    metadata = [
        {f"k{key}": value for key in range(25)} | {"same": "x", "long": value * 201, "n" * 201: value}
        for value in ("a", "b")
    ]
    run = tiny_run(tmp_path, {"a": [[0.5, 0.5]]}, documents=[[1], [1]], metadata=metadata)
    assert metadata_keys(run) == [f"k{key}" for key in range(25)]
    found = [name for name in slices(run) if name.startswith("metadata:")]
    assert found == [f"metadata:k{key}" for key in range(MOST_KEYS)]


@pytest.mark.slow
def test_every_slice_adds_up_to_the_whole(run: Run) -> None:
    tables = slices(run)
    figures = {m["name"]: m for m in results(run)["models"]}
    assert set(tables) == {s.name for s in TOKEN_SLICES} | {"document", "metadata:genre", "metadata:folder"}
    for name, table in tables.items():
        cut = [m.name for m in run.scored if name != "word_class" or not m.name.startswith("char")]
        assert list(table["model"].drop_duplicates()) == cut
        for model, part in table.groupby("model", sort=False):
            assert part["place"].is_monotonic_increasing
            figure = figures[str(model)]
            if name == "repeated_rare":
                assert part["tokens"].sum() < figure["test_tokens"]
                continue
            if name == "repeated":  # of known tokens
                features = run.tokens[part["tokens_fingerprint"].iloc[0]].features("test")
                assert part["tokens"].sum() == (features["train_count"] > 0).sum()
                continue
            if name == "context_order":  # nothing comes before the first token of a document
                documents = run.tokens[part["tokens_fingerprint"].iloc[0]].documents_of("test")
                assert part["tokens"].sum() == figure["test_tokens"] - len(documents)
                continue
            assert part["tokens"].sum() == figure["test_tokens"]
            bits = (part["tokens"] * np.log2(part["perplexity"])).sum() / part["tokens"].sum()
            assert 2**bits == pytest.approx(figure["perplexity"])
            if "bytes" in part:
                whole = (part["bits_per_byte"] * part["bytes"]).sum() / part["bytes"].sum()
                assert whole == pytest.approx(figure["bits_per_byte"])


@pytest.mark.slow
def test_slices_have_intervals_where_enough_documents_hold_them(run: Run) -> None:
    table = slices(run)["repeated"]
    assert (table["low"] < table["surprisal"]).all()
    assert (table["surprisal"] < table["high"]).all()
    known = token_scores(run, run.model("ngram"))
    assert (table.loc[table["model"] == "ngram", "tokens"].sum()) == (~known.is_unknown).sum()


@pytest.mark.slow
def test_the_longest_seen_ngram_against_brute_force(run: Run) -> None:
    model = run.model("ngram")
    features = run.tokens[model.tokens_fingerprint].features("test")
    longest = [max([1, *(n for n in range(2, 6) if row[f"seen_{n}"])]) for _, row in features.iterrows()]
    table = slices(run)["seen_order"]
    mine = table[table["model"] == "ngram"]
    assert rows(mine, "tokens") == {str(n): longest.count(n) for n in range(1, 6)}


def test_a_probability_of_zero_makes_its_own_slice_infinite(tmp_path: Path) -> None:
    run = tiny_run(tmp_path, {"a": [[0.0, 0.5, 0.5, 0.5]]}, repeated=[False, True, True, True])
    table = slices(run)["repeated"]
    assert math.isinf(rows(table, "surprisal")["first mention"])
    assert rows(table, "surprisal")["repetition"] == pytest.approx(1)


@pytest.mark.slow
def test_many_documents_are_resampled_in_groups(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = slices(run)["metadata:folder"]
    monkeypatch.setattr("lmcompare.analysis.units.MOST_UNITS", 36)
    table = slices(load_run(run.path))["metadata:folder"]
    same = [column for column in whole if column not in ("low", "high")]
    pd.testing.assert_frame_equal(table[same], whole[same])
    assert ((table["low"] < table["bits_per_byte"]) & (table["bits_per_byte"] < table["high"])).all()
    assert (table["low"] != whole["low"]).any()


SPECIAL = ["<unk>", "</s>"]


def classes(tokens: list[str], counts: list[int] | None = None) -> list[str]:
    found = word_classes([*SPECIAL, *tokens], [0, 0, *(counts or [1] * len(tokens))])
    return [CLASSES[k] if k >= 0 else "none" for k in found]


def test_each_kind() -> None:
    many = [f"w{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}" for n in range(FREQUENT)]
    tokens = [*many, "rare", "Rome", "Äpfel", "1961", "B2", "'s", "--", "…", "▁der", "übel", "中国"]
    found = classes(tokens, [*([9] * FREQUENT), *([1] * 11)])
    assert found[:2] == ["unknown word", "end of a sentence"]
    assert set(found[2 : FREQUENT + 2]) == {"frequent word"}
    assert found[FREQUENT + 2 :] == [
        *("other word", "capitalised word", "capitalised word", "number", "number", "other word", "mark", "mark"),
        *("other word", "other word", "other word"),
    ]


def test_the_most_frequent_words_are_no_marks_and_may_be_capitals() -> None:
    words = [f"Ab{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(FREQUENT + 1)]
    found = classes([*words, ","], [*range(FREQUENT + 1, 0, -1), 99_999])
    assert found[2:].count("frequent word") == FREQUENT
    assert found[-2:] == ["capitalised word", "mark"]


@pytest.mark.parametrize("tokens", [list("abcdefg ,.1"), [], ["a", "1", "."]])
def test_letters_are_no_words(tokens: list[str]) -> None:
    assert set(classes(tokens)) == {"none"}


@pytest.mark.slow
def test_the_slice_counts_every_token_of_words_once(run: Run) -> None:
    table = slices(run)["word_class"]
    words = table[table["model"] == "ngram"]
    assert words["share"].sum() == pytest.approx(1.0)
    assert len(words) > 3
    assert "char-transformer" not in set(table["model"])
