"""Models that KenLM reads: the figures of ``ngram-file`` on the same file, and by hand.

Here a stand-in answers for KenLM; ``tests/full/extras/test_kenlm.py`` asks the same of KenLM itself. ``hand.probing``
and ``hand.trie`` were made from ``hand.arpa`` by KenLM's ``build_binary -s``.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.model import LanguageModel, Setting
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.ngram_file import KenLM, NGramFile, ngram_counts
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.kenlm import stand_in
from tests.models.test_ngram_file import DOCUMENTS, OTHERS, TEXT, WORDS, is_worked_by_hand

HERE = Path(__file__).parent
HAND = [HERE / f"hand.{suffix}" for suffix in ("arpa", "probing", "trie")]


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kenlm", stand_in)


def read(cls: type[KenLM] | type[NGramFile], path: Path, vocabulary: Vocabulary) -> LanguageModel:
    nothing = Encoded.from_documents([], vocabulary)
    return cls(str(path)).fit(nothing, nothing, Setting(vocabulary))


@pytest.fixture(scope="module")
def arpa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 4-gram model of 30 types."""
    train = Encoded.from_documents(DOCUMENTS, WORDS)
    path = tmp_path_factory.mktemp("files") / "model.arpa"
    NGram(4).fit(train, train, Setting(WORDS)).file_formats()[".arpa"](WORDS, path)
    return path


@pytest.mark.parametrize(("kept", "lacking"), [(30, 1), (12, 0), (12, 7), (2, 7)])
def test_it_gives_the_figures_of_ngram_file(arpa: Path, kept: int, lacking: int) -> None:
    new = ["<s>", *(f"new{i}" for i in range(1, lacking))][:lacking]
    vocabulary = Vocabulary([*WORDS.tokens[:2], *new, *WORDS.tokens[2:kept][::-1]])
    documents = [[int(i) % len(vocabulary) for i in d] for d in TEXT.documents()]
    text = Encoded.from_documents(documents, vocabulary)
    model, other = read(KenLM, arpa, vocabulary), read(NGramFile, arpa, vocabulary)
    at = np.arange(len(text) + 1)
    np.testing.assert_allclose(model.log_probs(text), other.log_probs(text), atol=1e-5)
    rows = model.next_log_probs(text, at)
    np.testing.assert_allclose(rows, other.next_log_probs(text, at), atol=1e-5)
    np.testing.assert_allclose(rows[np.arange(len(text)), text.ids], model.log_probs(text), atol=1e-6)
    assert np.abs(np.exp(rows.astype(np.float64)).sum(axis=1) - 1).max() < 1e-5


@pytest.mark.parametrize("path", HAND, ids=lambda path: path.suffix)
def test_binary_files_by_hand(path: Path) -> None:
    model = read(KenLM, path, OTHERS)
    is_worked_by_hand(model)
    assert model.notes[2].startswith("Words of the file that are not in the vocabulary have 30.00%")
    assert ngram_counts(path) == [7, 3]
    assert (model.size().parameters, model.size().bytes) == (17, path.stat().st_size)


def test_the_score_of_a_known_token_takes_one_call(arpa: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = read(KenLM, arpa, WORDS)
    monkeypatch.setattr("lmcompare.models.ngram_file._File.distribution", None)
    text = Encoded.from_documents([[i for i in d if i] for d in TEXT.documents()], WORDS)
    assert np.isfinite(model.log_probs(text)).all()


def test_it_is_restored_from_the_same_file_alone(tmp_path: Path) -> None:
    path = Path(shutil.copy(HERE / "hand.probing", tmp_path))
    vocabulary = Vocabulary(["<unk>", "</s>", "a", "b", "x"])
    model, text = read(KenLM, path, vocabulary), Encoded.from_documents([[2, 3, 4, 0, 1, 2]], vocabulary)
    again = KenLM(str(path)).restore(model.state())
    np.testing.assert_array_equal(again.log_probs(text), model.log_probs(text))
    assert again.notes == model.notes
    shutil.copy(HERE / "hand.trie", path)
    with pytest.raises(LmcompareError, match="has changed since"):
        KenLM(str(path)).restore(model.state())
    path.unlink()
    with pytest.raises(LmcompareError, match="is not there"):
        KenLM(str(path)).restore(model.state())


def test_wrong_files_are_errors(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "a"])
    text = Encoded.from_documents([[2, 2, 1]], vocabulary)
    quantised = bytearray((HERE / "hand.trie").read_bytes())
    quantised[96] = 3
    hand = (HERE / "hand.arpa").read_text()
    wrong: dict[str, tuple[bytes | None, str]] = {
        "text": (b"no model", "not an ARPA file"),
        "quantised": (bytes(quantised), "quantised"),
        "sums": (hand.replace("-0.6989700043\ta\t", "-0.01\ta\t").encode(), "not a distribution"),
        "number": (hand.replace("-0.6989700043\ta\t", "abc\ta\t").encode(), r"number, line \d+"),
        "none": (None, "is not there"),
    }
    for name, (content, said) in wrong.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(LmcompareError, match=said):
            KenLM(str(tmp_path / name)).fit(text, text, Setting(vocabulary))
    with pytest.raises(LmcompareError, match="set path"):
        KenLM().fit(text, text, Setting(vocabulary))
    with pytest.raises(NotFittedError):
        KenLM("x").log_probs(text)
    with pytest.raises(PluginError, match="path must be"):
        KenLM(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("of", "change", "said"),
    [
        ("trie", lambda content: content[:200], "read .*broken: (Binary file has size 200|End of file)"),
        ("arpa", lambda content: content[:-20], "cut off"),
        ("arpa", lambda content: b"\n\nA text.\n", "not an ARPA file"),
        ("arpa", lambda content: content.replace(b"ngram 1=", b"ngram 1=x"), "line 2: .*ngram 1="),
    ],
)
def test_a_broken_file_is_refused_when_its_digest_is_taken(
    tmp_path: Path, of: str, change: Callable[[bytes], bytes], said: str
) -> None:
    (tmp_path / "broken").write_bytes(change((HERE / f"hand.{of}").read_bytes()))
    with pytest.raises(LmcompareError, match=said) as caught:
        KenLM(str(tmp_path / "broken")).digest_of("path")
    assert ".cc:" not in str(caught.value)


def test_without_the_module_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(LmcompareError, match=r"pip install 'lmcompare\[kenlm\]'"):
        read(KenLM, HERE / "hand.arpa", WORDS)
