"""Tests of the n-gram model against KenLM on a text that gensim contains.

The figures are those of KenLM's lmplz and query (interpolated modified Kneser-Ney, no pruning) on gensim's
``lee_background.cor``, split at white space: lines 1 - 250 are train, 251 - 300 test, a sentence each. Probabilities
are log10 in float32, discounts are printed with six digits. 1,539 of the 10,320 test tokens are unknown.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest

from lmcompare.model import FloatArray, Setting
from lmcompare.models.ngram.plugin import NGram
from lmcompare.tokens import Encoded, Vocabulary

PERPLEXITY = {  # order: (with, without unknown words)
    2: (772.0005782108137, 362.9472672934027),
    3: (740.7079215090163, 347.58997775248963),
    4: (736.2454373662607, 346.40604840411265),
    5: (735.4337312440183, 346.23141127076104),
}
LOWER_DISCOUNTS = (  # of the unigrams, bigrams … below the highest order
    (0.661387, 1.18307, 1.39151),
    (0.845486, 1.2602, 1.63924),
    (0.940563, 1.44917, 1.96214),
    (0.979698, 1.62335, 1.77939),
)
HIGHEST_DISCOUNTS = {
    2: (0.779351, 1.35174, 1.72335),
    3: (0.865702, 1.63196, 1.95019),
    4: (0.902728, 1.85247, 2.16025),
    5: (0.91691, 1.94185, 2.48824),
}
FIRST_TOKENS = {  # "Israel launched massive air raids across the West Bank and Gaza Tuesday, raising pressure …"
    2: (-2.270826, -2.111653, -3.971776, -3.528846, -1.235675, -3.479109, -0.281784, -2.225113, -0.309521, -1.360165),
    3: (-2.243813, -2.418827, -3.999035, -3.493473, -1.187817, -3.520285, -0.301345, -3.047327, -0.271672, -1.293043),
    4: (-2.243813, -2.416175, -3.963015, -3.493473, -1.187817, -3.484266, -0.301345, -3.02527, -0.380203, -1.386386),
    5: (-2.243813, -2.416175, -3.963015, -3.493473, -1.187817, -3.484266, -0.301345, -3.02527, -0.380203, -1.513179),
}
FIRST_SENTENCES = {  # the sums of the first five test sentences
    2: (-1753.78662, -1160.13168, -554.15811, -577.82813, -501.24446),
    3: (-1738.78835, -1151.8636, -554.38955, -574.63904, -502.02838),
    4: (-1737.79837, -1151.96363, -553.16429, -574.81585, -501.28315),
    5: (-1738.0449, -1151.41742, -553.49031, -574.68487, -500.9109),
}
# The first 32 hex digits of the SHA-256 of the ARPA file that lmplz -o ORDER [--prune …] --discount_fallback makes of
# the 250 lines of train
ARPA_DIGESTS = {
    (1, (0,)): "c4047c400c91f1c6e02b984eb2bd04d6",
    (2, (0,)): "fdb5ecf645f3afd30e74f1e3ae6d4ef1",
    (3, (0,)): "455be06b0de8e168648d9da522ff719d",
    (4, (0,)): "4b5fb1f2dff4bdd533739dd0266da0c9",
    (5, (0,)): "80f688fa9f33c3aa80d54f02034234ec",
    (6, (0,)): "1cb2f9a312785511883111f0dda5afc5",
    (7, (0,)): "119cc6a1d3b138e88db8e9253c4ef3d6",
    (8, (0,)): "bcc0b0eff75dfcd242c6f6f570514b6e",
    (9, (0,)): "5aff0f9c9d417d79484a21f816aae079",
    (3, (0, 0, 1)): "1da36f502336cf60213a2ab53dda1fa1",
    (4, (0, 1)): "05d74b9bc424a284a6884c391691cec8",
    (5, (0, 0, 1, 1, 2)): "961df649a09f7ac58cb378e3d3e856bf",
}


@pytest.fixture(scope="module")
def lee() -> tuple[Encoded, Encoded]:
    from gensim.test.utils import datapath

    lines = Path(datapath("lee_background.cor")).read_text(encoding="utf-8").splitlines()
    sentences = [line.split() for line in lines if line.strip()]
    vocabulary = Vocabulary.build(sentences[:250])
    train, test = (
        Encoded.from_documents([[*vocabulary.ids(s), vocabulary.end] for s in part], vocabulary)
        for part in (sentences[:250], sentences[250:300])
    )
    return train, test


@pytest.fixture(scope="module", params=PERPLEXITY)
def scored(request: pytest.FixtureRequest, lee: tuple[Encoded, Encoded]) -> tuple[int, NGram, Encoded, FloatArray]:
    train, test = lee
    model = NGram(order=request.param).fit(train, test, Setting(test.vocabulary))
    return request.param, model, test, model.log_probs(test) / math.log(10)


def test_perplexity(scored: tuple[int, NGram, Encoded, FloatArray]) -> None:
    order, _, test, log10 = scored
    known = test.ids != test.vocabulary.unknown
    assert (len(test), int((~known).sum())) == (10320, 1539)
    found = (10 ** -log10.mean(), 10 ** -log10[known].mean())
    assert found == pytest.approx(PERPLEXITY[order], rel=1e-6)


def test_discounts(scored: tuple[int, NGram, Encoded, FloatArray]) -> None:
    order, model, _, _ = scored
    found = [amounts for amounts, _ in model.state().values["constants"]]
    np.testing.assert_allclose(found, [*LOWER_DISCOUNTS[: order - 1], HIGHEST_DISCOUNTS[order]], atol=6e-6)


def test_tokens_and_sentences(scored: tuple[int, NGram, Encoded, FloatArray]) -> None:
    order, _, test, log10 = scored
    np.testing.assert_allclose(log10[: len(FIRST_TOKENS[order])], FIRST_TOKENS[order], atol=2e-6)
    sums = [log10[start:end].sum() for start, end in zip(test.starts[:5], test.ends[:5], strict=True)]
    np.testing.assert_allclose(sums, FIRST_SENTENCES[order], atol=1e-4)


def test_the_uniform_share_is_over_the_types_that_can_be_predicted(lee: tuple[Encoded, Encoded]) -> None:
    # lmplz counts 9,533 unigrams including <s>, which V excludes.
    assert len(lee[0].vocabulary) == 9533 - 1


@pytest.mark.parametrize(("order", "prune"), ARPA_DIGESTS)
def test_the_arpa_file_equals_that_of_lmplz(
    order: int, prune: tuple[int, ...], lee: tuple[Encoded, Encoded], tmp_path: Path
) -> None:
    train, _ = lee
    model, path = NGram(order, prune=prune).fit(train, train, Setting(train.vocabulary)), tmp_path / "model.arpa"
    model.file_formats()[".arpa"](train.vocabulary, path)
    assert hashlib.sha256(path.read_bytes()).hexdigest()[:32] == ARPA_DIGESTS[order, prune]
