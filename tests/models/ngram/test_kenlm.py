"""Every number of the n-gram model is that of KenLM: on three lines, and on a text that gensim contains.

The figures are those of KenLM's lmplz and query (interpolated modified Kneser-Ney, no pruning); the longer text is
gensim's ``lee_background.cor``, split at white space: lines 1 - 250 are train, 251 - 300 test, a sentence each.
Probabilities are log10 in float32, discounts of the three lines are printed with six digits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lmcompare.counts import ngrams as counting
from lmcompare.counts.ngrams import with_starts
from lmcompare.model import Setting
from lmcompare.models.ngram import kneser_ney
from lmcompare.models.ngram.plugin import NGram
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

PERPLEXITY = {  # order: (with, without unknown words); and the first tokens of the test text
    2: (772.0005782108137, 362.9472672934027),
    5: (735.4337312440183, 346.23141127076104),
}
FIRST_TOKENS = {  # "Israel launched massive air raids across …"
    2: (-2.270826, -2.111653, -3.971776, -3.528846, -1.235675, -3.479109),
    5: (-2.243813, -2.416175, -3.963015, -3.493473, -1.187817, -3.484266),
}
# The first 32 hex digits of the SHA-256 of the ARPA file that lmplz -o ORDER [--prune …] --discount_fallback makes of
# the 250 lines of train
ARPA_DIGESTS = {
    (1, (0,)): "c4047c400c91f1c6e02b984eb2bd04d6",
    (5, (0,)): "80f688fa9f33c3aa80d54f02034234ec",
    (4, (0, 1)): "05d74b9bc424a284a6884c391691cec8",
    (5, (0, 0, 1, 1, 2)): "961df649a09f7ac58cb378e3d3e856bf",
}


def encoded(sentences: list[list[str]], vocabulary: Vocabulary) -> Encoded:
    return Encoded.from_documents([[*vocabulary.ids(s), vocabulary.end] for s in sentences], vocabulary)


def arpa(folder: Path, train: Encoded, order: int, prune: Sequence[int] = (0,)) -> bytes:
    model = NGram(order, prune=prune).fit(train, train, Setting(train.vocabulary))
    model.file_formats()[".arpa"](train.vocabulary, folder / "model.arpa")
    return (folder / "model.arpa").read_bytes()


def test_every_number_of_three_lines(tmp_path: Path) -> None:
    sentences = [line.split() for line in LINES]
    text = encoded(sentences, Vocabulary.build(sentences))
    counts = counting.count(with_starts(text), 3, len(text.vocabulary), text.vocabulary.end)
    for level, expected in zip(counts, DISCOUNTS, strict=True):
        found = kneser_ney.discounts(level.statistics)
        assert found.reason == ""
        assert found.amounts == pytest.approx(expected, rel=1e-5)
    assert arpa(tmp_path, text, 3).decode() == ARPA
    trigrams = arpa(tmp_path, text, 3, (0, 0, 1)).decode().split("\\3-grams:\n")[1].split("\n\n")[0]
    assert trigrams == "-0.072819315\t<s> e a\n-0.38171372\ta c a\n-0.2492765\tc a c"
    assert b"ngram 2=7\n" in arpa(tmp_path, text, 2, (0, 1))


@pytest.fixture(scope="module")
def lee() -> tuple[Encoded, Encoded]:
    from gensim.test.utils import datapath

    lines = Path(datapath("lee_background.cor")).read_text(encoding="utf-8").splitlines()
    sentences = [line.split() for line in lines if line.strip()]
    vocabulary = Vocabulary.build(sentences[:250])
    # lmplz counts 9,533 unigrams including <s>, which V excludes
    assert len(vocabulary) == 9533 - 1
    return encoded(sentences[:250], vocabulary), encoded(sentences[250:300], vocabulary)


@pytest.mark.slow
@pytest.mark.parametrize("order", PERPLEXITY)
def test_a_longer_text(order: int, lee: tuple[Encoded, Encoded]) -> None:
    train, test = lee
    model = NGram(order).fit(train, test, Setting(test.vocabulary))
    log10 = model.log_probs(test) / math.log(10)
    known = test.ids != test.vocabulary.unknown
    assert (len(test), int((~known).sum())) == (10320, 1539)
    assert (10 ** -log10.mean(), 10 ** -log10[known].mean()) == pytest.approx(PERPLEXITY[order], rel=1e-6)
    np.testing.assert_allclose(log10[:6], FIRST_TOKENS[order], atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("order", "prune"), ARPA_DIGESTS)
def test_the_arpa_file_of_a_longer_text(
    order: int, prune: tuple[int, ...], lee: tuple[Encoded, Encoded], tmp_path: Path
) -> None:
    digest = hashlib.sha256(arpa(tmp_path, lee[0], order, prune)).hexdigest()
    assert digest[:32] == ARPA_DIGESTS[order, prune]
