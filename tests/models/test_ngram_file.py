"""N-gram models from files: against the model they were written from, and by hand."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from lmcompare.errors import LmcompareError, NotFittedError, PluginError
from lmcompare.exhibits import Bars
from lmcompare.model import LanguageModel, Setting
from lmcompare.models.ngram.plugin import NGram
from lmcompare.models.ngram_file import NGramFile
from lmcompare.tokens import Encoded, Vocabulary
from tests.models.agreement import comes_back, steps_agree
from tests.models.ngram.cases import is_a_distribution, random_documents

WORDS = Vocabulary(["<unk>", "</s>", *(f"w{i}" for i in range(2, 30))])
DOCUMENTS = random_documents(3, 30, documents=40)
TEXT = Encoded.from_documents([*DOCUMENTS, *random_documents(4, 30), []], WORDS)

# Unigrams that sum to one without <s>, and after a: b 0.5, <unk> 0.1, d 0.2, the others 0.4 of their unigrams.
BY_HAND = """\\data\\
ngram 1=7
ngram 2=3
\\1-grams:
-1 <unk>
-99 <s>
-0.6989700043 </s>
-0.6989700043 a -0.3979400087
-0.6989700043 b
-1 c
-0.6989700043 d
\\2-grams:
-0.3010299957 a b
-1 a <unk>
-0.6989700043 a d
\\end\\
"""
OTHERS = Vocabulary(["<unk>", "</s>", "x", "a", "y", "b"])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[NGram, dict[str, Path]]:
    """A model and its files."""
    train = Encoded.from_documents(DOCUMENTS, WORDS)
    model, folder = NGram(4).fit(train, train, Setting(WORDS)), tmp_path_factory.mktemp("files")
    files = {suffix: folder / f"model{suffix}" for suffix in model.file_formats()}
    for suffix, write in model.file_formats().items():
        write(WORDS, files[suffix])
    return model, files


def read(path: Path, vocabulary: Vocabulary, **options: bool) -> NGramFile:
    nothing = Encoded.from_documents([], vocabulary)
    return NGramFile(str(path), **options).fit(nothing, nothing, Setting(vocabulary))


def by_hand(tmp_path: Path, content: str = BY_HAND) -> Path:
    (tmp_path / "hand.arpa").write_text(content)
    return tmp_path / "hand.arpa"


@pytest.mark.parametrize("suffix", [".arpa", ".arpa.gz"])
def test_a_file_gives_the_model_back(written: tuple[NGram, dict[str, Path]], suffix: str, tmp_path: Path) -> None:
    model, files = written
    unlike = tmp_path / "told by its content"
    unlike.write_bytes(files[suffix].read_bytes())
    again = read(unlike, WORDS)
    np.testing.assert_allclose(again.log_probs(TEXT), model.log_probs(TEXT), atol=1e-6)
    rows = again.next_log_probs(TEXT, np.arange(len(TEXT) + 1))
    np.testing.assert_allclose(rows, model.next_log_probs(TEXT, np.arange(len(TEXT) + 1)), atol=1e-6)
    (note,) = again.notes
    assert "order 4" in note
    assert suffix != ".arpa.gz" or files[suffix].read_bytes()[3:8] == bytes(5)  # no name and no time


@pytest.mark.parametrize(("kept", "lacking"), [(30, 1), (12, 0), (12, 7), (2, 7)])
def test_another_vocabulary_is_a_distribution(
    written: tuple[NGram, dict[str, Path]], kept: int, lacking: int
) -> None:
    vocabulary = Vocabulary([*WORDS.tokens[:2], *(f"new{i}" for i in range(lacking)), *WORDS.tokens[2:kept][::-1]])
    model = read(written[1][".arpa"], vocabulary)
    documents = [[i % len(vocabulary) for i in d.tolist()] for d in TEXT.documents()]
    is_a_distribution(model, Encoded.from_documents(documents, vocabulary))
    steps_agree(model, Encoded.from_documents([max(documents, key=len)], vocabulary))


def test_a_file_of_another_kind_is_refused_when_its_digest_is_taken(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="run it with the model kenlm"):
        NGramFile(str(Path(__file__).parent / "kenlm" / "hand.trie")).digest_of("path")
    content = by_hand(tmp_path).read_bytes()
    for name, cut, said in (
        ("a.arpa", content[:-6], "cut off"),
        ("b.arpa", b"A text.\n", "not an ARPA file"),
        ("c.arpa.gz", gzip.compress(content)[:30], "damaged gzip"),
    ):
        (tmp_path / name).write_bytes(cut)
        with pytest.raises(LmcompareError, match=said):
            NGramFile(str(tmp_path / name)).digest_of("path")
    for whole in (content, gzip.compress(content)):
        (tmp_path / "whole").write_bytes(whole)
        assert NGramFile(str(tmp_path / "whole")).digest_of("path") == hashlib.sha256(whole).hexdigest()


def is_worked_by_hand(model: LanguageModel) -> None:
    """What a model of ``BY_HAND`` gives to the words of ``OTHERS``."""
    # c and d are not in the vocabulary, x and y not in the file. The file's <unk> is shared by <unk>, x and y.
    text = Encoded.from_documents([[3, 2, 3]], OTHERS)
    third = 0.1 / 3
    unigrams = [third + 0.1 + 0.2, 0.2, third, 0.2, third, 0.2]
    # after a: <unk> has its third of 0.1, c's 0.04 and d's 0.2; </s> and a 0.4 of their unigrams; b 0.5
    after_a = [third + 0.04 + 0.2, 0.08, third, 0.08, third, 0.5]
    rows = np.exp(model.next_log_probs(text, np.arange(4)))
    np.testing.assert_allclose(rows, [unigrams, after_a, unigrams, after_a], rtol=2e-6)
    assert model.notes[1].startswith("2 of the 6 types are not in the file")


def test_another_vocabulary_by_hand(tmp_path: Path) -> None:
    model = read(by_hand(tmp_path), OTHERS)
    is_worked_by_hand(model)
    assert model.notes[2].startswith("2 of the file's 6 words are not in the vocabulary")


def test_as_a_context_a_type_without_entry_is_the_files_unknown_word(tmp_path: Path) -> None:
    content = BY_HAND.replace("-1 <unk>", "-1 <unk> -0.3010299957").replace("2=3", "2=4")
    content = content.replace("\\end", "-0.2218487496 <unk> b\n\\end")  # 0.6, and half of what sums to 0.8
    vocabulary = Vocabulary(["<unk>", "</s>", "x", "a", "b", "c", "d"])
    model = read(by_hand(tmp_path, content), vocabulary)
    rows = np.exp(model.next_log_probs(Encoded.from_documents([[2, 0]], vocabulary), np.arange(1, 3)))
    np.testing.assert_allclose(rows, [[0.025, 0.1, 0.025, 0.1, 0.6, 0.05, 0.1]] * 2, rtol=2e-6)


def test_few_digits_are_repaired_and_noted(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])
    model = read(by_hand(tmp_path, BY_HAND.replace("-0.3010299957 a b", "-0.301 a b")), vocabulary)
    rows = model.next_log_probs(Encoded.from_documents([[2]], vocabulary), np.arange(2))
    np.testing.assert_allclose(np.exp(rows).sum(axis=1), 1, atol=1e-7)
    assert model.notes[-1].startswith(
        "Not quite a distribution: the probabilities after 'a' in hand.arpa sum to 1.0000"
    )


def test_a_file_without_distributions_is_refused_unless_renormalised(tmp_path: Path) -> None:
    path = by_hand(tmp_path, BY_HAND.replace("-0.3010299957 a b", "-0.2 a b"))
    vocabulary = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])
    with pytest.raises(
        LmcompareError, match=r"after 'a' in hand.arpa sum to 1.13096, so they are not a distribution"
    ):
        read(path, vocabulary)
    model = read(path, vocabulary, renormalise=True)
    rows = np.exp(model.next_log_probs(Encoded.from_documents([[2]], vocabulary), np.arange(2)))
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-7)
    # the listed words keep theirs: b 10^-0.2, <unk> 0.1, d 0.2; </s>, a and c share the rest as 2 : 2 : 1
    rest = 1 - 10**-0.2 - 0.3
    np.testing.assert_allclose(rows[1], [0.1, 0.4 * rest, 0.4 * rest, 10**-0.2, 0.2 * rest, 0.2], rtol=1e-5)


def test_a_file_without_unknown_word_is_noted(tmp_path: Path) -> None:
    # </s>, a, b, c and d have 0.2 each; after a, b has 0.6, and the others half of theirs
    lines = [f"-0.6989700043 {word}" for word in ("</s>", "b", "c", "d")]
    unigrams = "\n".join(["-99 <s>", "-0.6989700043 a -0.3010299957", *lines])
    content = f"\\data\\\nngram 1=6\nngram 2=1\n\\1-grams:\n{unigrams}\n\\2-grams:\n-0.2218487496 a b\n\\end\\\n"
    vocabulary = Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])
    model = read(by_hand(tmp_path, content), vocabulary)
    (note,) = model.notes[1:]
    assert "no <unk>" in note
    assert "1e-100" in note
    assert model.log_probs(Encoded.from_documents([[0]], vocabulary))[0] == pytest.approx(-100 * np.log(10))


def test_restoring_the_state_gives_the_same_model(tmp_path: Path) -> None:
    path = by_hand(tmp_path)
    model, text = read(path, OTHERS), Encoded.from_documents([[3, 2, 5, 1, 0, 4]], OTHERS)
    path.unlink()
    comes_back(model, NGramFile(str(path)), text)


def test_exhibit_counts_the_orders_that_were_found(tmp_path: Path) -> None:
    model = read(by_hand(tmp_path), OTHERS)
    (bars,) = model.exhibits(Encoded.from_documents([[3, 5, 1], [2, 3, 4]], OTHERS))
    # a, b after a, </s>; x; a; y after a, where the file has its <unk>
    assert isinstance(bars, Bars)
    assert bars.values == (1.0, 3.0, 2.0)
    assert list(model.exhibits(Encoded.from_documents([], OTHERS))) == []


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LmcompareError, match="there is no file"):
        read(tmp_path / "none", WORDS)
    with pytest.raises(PluginError, match="path must be the path"):
        NGramFile(3)  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="renormalise must be true or false"):
        NGramFile("a", renormalise=1)  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        NGramFile("a").log_probs(TEXT)
    with pytest.raises(PluginError, match="6 types, not of 30"):
        read(by_hand(tmp_path), Vocabulary(["<unk>", "</s>", "a", "b", "c", "d"])).log_probs(TEXT)
