"""Tests of Kneser-Ney: discounts worked by hand, and every number of a small model as lmplz writes it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lmcompare.counts.counting import ngrams as counting
from lmcompare.counts.lookup.table import with_starts
from lmcompare.model import Setting
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.ngram.smoothing import kneser_ney
from lmcompare.tokens import Encoded, Vocabulary

# KenLM's lmplz (0.3.0) -o 3 on these three lines, its ARPA file and the discounts it prints. In this text it
# matters that the last n-gram of each lower order enters the counts of counts with its raw count: with the adjusted
# count the unigrams' discounts would be 0.6, 0.2 and 3.
LINES = ("e a b d b a b", "e a a c a c a", "a a b a c a c")
DISCOUNTS = ((0.5, 0.5, 1.0), (0.571429, 1.42857, 0.714286), (0.777778, 0.833333, 3.0))
ARPA = """\\data\\
ngram 1=8
ngram 2=13
ngram 3=17

\\1-grams:
-1.3569814	<unk>	0
0	<s>	-0.17609124
-0.70376885	</s>	0
-1.0839801	e	-0.24303807
-0.4538914	a	-0.41912934
-0.7976734	b	-0.19188553
-1.0839801	d	-0.24303807
-1.0839801	c	-0.24303807

\\2-grams:
-0.9101928	a </s>	0
-0.63022506	b </s>	0
-0.48503333	c </s>	0
-0.6100879	<s> e	-0.3802113
-0.4233254	<s> a	-0.109144464
-0.20099503	e a	-0.109144464
-0.70453554	a a	-0.109144464
-0.43307155	b a	-0.109144464
-0.38171372	c a	-0.26999578
-0.5021454	a b	-0.10914443
-0.2843114	d b	-0.109144464
-0.79553926	b d	-0.109144464
-0.54459864	a c	-0.024823597

\\3-grams:
-0.8535162	c a </s>
-0.59123695	a b </s>
-0.43807983	a c </s>
-0.072819315	<s> e a
-0.42504665	<s> a a
-0.57726914	e a a
-0.4424815	a b a
-0.29314783	d b a
-0.40653732	a c a
-0.4487281	e a b
-0.4487281	a a b
-0.4487281	b a b
-0.20316651	b d b
-0.7019853	a b d
-0.47747493	a a c
-0.47747493	b a c
-0.26588798	c a c

\\end\\
"""


def read(lines: Sequence[str] = LINES) -> tuple[Encoded, Vocabulary]:
    sentences = [line.split() for line in lines]
    vocabulary = Vocabulary.build(sentences)
    documents = [[*vocabulary.ids(s), vocabulary.end] for s in sentences]
    return Encoded.from_documents(documents, vocabulary), vocabulary


def arpa(order: int, prune: Sequence[int] = (0,), lines: Sequence[str] = LINES) -> str:
    text, vocabulary = read(lines)
    model = NGram(order, prune=prune).fit(text, text, Setting(vocabulary))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        model.file_formats()[".arpa"](vocabulary, path)
        return path.read_text(encoding="utf-8")


def test_the_discounts_equal_those_of_lmplz() -> None:
    text, vocabulary = read()
    counts = list(counting.count(with_starts(text), 3, len(vocabulary), vocabulary.end))
    for level, expected in zip(counts, DISCOUNTS, strict=True):
        found = kneser_ney.discounts(level.statistics)
        assert found.reason == ""
        assert found.amounts == pytest.approx(expected, rel=1e-5)


def test_every_number_equals_lmplz() -> None:
    assert arpa(3) == ARPA


def test_pruning_equals_that_of_lmplz() -> None:
    trigrams = arpa(3, (0, 0, 1)).split("\\3-grams:\n")[1].split("\n\n")[0]
    assert trigrams == "-0.072819315\t<s> e a\n-0.38171372\ta c a\n-0.2492765\tc a c"
    assert "ngram 2=7\n" in arpa(2, (0, 1))


def test_discounts_by_hand() -> None:
    # n = 4, 2, 1, 1: Y = 4 / (4 + 2 · 2) = 1/2; D1 = 1 - 2 Y 2/4 = 1/2; D2 = 2 - 3 Y 1/2 = 5/4; D3 = 3 - 4 Y 1/1 = 1
    assert kneser_ney.discounts(np.array([4, 2, 1, 1])) == kneser_ney.Discounts((0.5, 1.25, 1.0))
    # no n-gram with the count 4 is allowed: D3 = 3
    assert kneser_ney.discounts(np.array([4, 2, 1, 0])) == kneser_ney.Discounts((0.5, 1.25, 3.0))
    # a discount of exactly 0 is allowed too: Y = 4 / 6, D2 = 2 - 3 Y 1/1 = 0
    assert kneser_ney.discounts(np.array([4, 1, 1, 0])).amounts == pytest.approx((2 / 3, 0.0, 3.0))


@pytest.mark.parametrize(
    ("statistics", "reason"),
    [
        ([0, 2, 1, 1], "no n-gram has the count 1"),
        ([4, 0, 1, 1], "no n-gram has the count 2"),
        ([4, 2, 0, 1], "no n-gram has the count 3"),
        ([1, 1, 3, 1], "the discount of the count 2 would be -1"),  # Y = 1/3, D2 = 2 - 3 Y 3/1
        ([4, 2, 1, 2], "the discount of the count 3 would be -1"),  # Y = 1/2, D3 = 3 - 4 Y 2/1
    ],
)
def test_fallback_discounts_with_the_reason(statistics: list[int], reason: str) -> None:
    assert kneser_ney.discounts(np.array(statistics)) == kneser_ney.Discounts((0.5, 1.0, 1.5), reason)
