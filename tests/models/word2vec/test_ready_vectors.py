"""Tests of pre-trained vectors: every format, missing words, and files without vectors."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import load_facebook_vectors, save_facebook_model

from lmcompare import memory
from lmcompare.errors import LmcompareError
from lmcompare.models.word2vec.plugin import Word2VecBow
from lmcompare.models.word2vec.ready_vectors import ready_vectors
from lmcompare.tokens import Vocabulary
from tests.models.neural_cases import SMALL
from tests.training.texts import TYPES, VOCABULARY, fitted

GIVEN = {"a": [1.0, 2.0, 3.0], "b": [-1.0, 0.5, 0.25], "zebra": [9.0, 9.0, 9.0]}


def write(path: Path) -> Path:
    lines = "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in GIVEN.items())
    if ".bin" in path.name:
        body = b"3 3\n" + b"".join(w.encode() + b" " + struct.pack("<3f", *n) + b"\n" for w, n in GIVEN.items())
    else:
        body = (lines if "glove" in path.name else f"3 3\n{lines}").encode()
    path.write_bytes(gzip.compress(body) if path.suffix == ".gz" else body)
    return path


@pytest.mark.parametrize("name", ["glove.txt", "ft.vec", "w2v.bin", "w2v.bin.gz", "glove.txt.gz", "ft.vec.gz"])
def test_every_format_is_read_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name).rename(tmp_path / "vectors")
    vectors, found = ready_vectors(path, VOCABULARY, 3)
    assert vectors.shape == (TYPES, 3)
    assert [VOCABULARY[i] for i in np.flatnonzero(found).tolist()] == ["a", "b"]
    np.testing.assert_allclose(vectors[2], GIVEN["a"])
    assert not vectors[~found].any()


def test_a_word_is_looked_up_as_written_then_in_lower_case(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_text("paris 1 2\nParis 3 4\nrome 5 6\n")
    vocabulary = Vocabulary(["<unk>", "</s>", "Paris", "Rome", "ROMA"], np.arange(5))
    vectors, found = ready_vectors(path, vocabulary, 2)
    np.testing.assert_array_equal(vectors[2:], [[3, 4], [5, 6], [0, 0]])
    assert found.tolist() == [False, False, True, True, False]


def test_a_bag_starts_from_them_and_declares_itself_pretrained(tmp_path: Path) -> None:
    path = write(tmp_path / "ft.vec")
    model = Word2VecBow(width=3, hidden=4, window=2, tune=False, vectors=str(path), **SMALL)
    assert model.traits.pretrained
    assert not Word2VecBow().traits.pretrained
    fitted(model)
    vectors = model.word_vectors()
    assert vectors is not None
    np.testing.assert_allclose(vectors[2:4], [GIVEN["a"], GIVEN["b"]])
    assert any("2 of 12 types" in note and "ft.vec" in note for note in model.notes)
    path.unlink()
    again = Word2VecBow(**model.hyperparameters()).restore(model.state())
    np.testing.assert_array_equal(again.word_vectors(), vectors)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("v.txt", b"", "can't be read"),
        ("v.txt", b"not vectors at all\n", "can't be read"),
        ("v.txt", b"a 1 2 3\nb 1 2\n", "can't be read"),
        ("v.bin", b"3 3\na \x00", "can't be read"),
        ("v.vec.gz", b"no gzip", "can't be read"),
        ("v.txt", b"a 1 2 3\n", "set width = 3"),
        ("v.txt", b"a 1 2\n\nb\n", "line 3 is not a word with 2 numbers"),
        ("v.txt", b"a\n", "line 1 is not a word with 1 numbers"),
        ("v.txt", b"a 1 nan\n", "the vector of 'a'"),
        ("v.txt", b"a 1 1e99\n", "the vector of 'a'"),
        ("v.bin", b"999999999999 2\na ", "can't be read"),
        ("v.bin", b"2 999999999999\na ", "can't be read"),
        ("v.bin", b"99999999999999999999 2\na ", "can't be read"),
        ("v.txt", b"2 2\nthe nan nan\na 1 2\n", "'the'.*not finite|the vector of"),
        ("v.txt", b"2 2\nthe 1 2\n", "promises 2 vectors, and 1 lines"),
        ("v.txt", b"99999999999 2\nthe 1 2\ncat 3 4\n", "promises 99,999,999,999 vectors, and 2 lines follow"),
        ("v", b"10 9999999999\nthe \x00\x00\x80\x3f", "too short"),
        ("glove.zip", b"PK\x03\x04rest", "unpack it"),
        ("none.txt", None, "can't be read"),
        ("v.txt.gz", gzip.compress(b"a 1 2\n" * 500, mtime=0)[:12] + b"\xff" * 20, "can't be read"),
    ],
)
def test_a_file_without_vectors_is_refused(name: str, content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LmcompareError, match=said) as caught:
        ready_vectors(path, VOCABULARY, 2)
    assert str(path) in str(caught.value)


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ALWAYS", 1000)
    path = tmp_path / "v.txt.gz"
    path.write_bytes(gzip.compress(b"a 1 2\n" * 10**6))
    with pytest.raises(LmcompareError, match=r"v\.txt\.gz becomes more than 100 times as large"):
        ready_vectors(path, VOCABULARY, 2)


def test_spaces_in_words_and_between_columns(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_bytes(b"\xef\xbb\xbfa 1 2\n. . . 5 6\nb\t3\t4\n\n")
    vectors, found = ready_vectors(path, VOCABULARY, 2)
    assert [VOCABULARY[i] for i in np.flatnonzero(found).tolist()] == ["a", "b"]
    np.testing.assert_array_equal(vectors[2:4], [[1, 2], [3, 4]])
    dots = Vocabulary(["<unk>", "</s>", ". . ."], np.array([0, 1, 1]))
    assert ready_vectors(path, dots, 2)[0][2].tolist() == [5, 6]


def test_a_binary_model_of_fast_text_is_refused_and_its_text_is_read(tmp_path: Path) -> None:
    model = FastText([["abc", "abd", "xyz"] * 5], vector_size=4, min_count=1, bucket=50, seed=1, workers=1)
    save_facebook_model(model, str(tmp_path / "model.bin"))
    words = Vocabulary(["<unk>", "</s>", "abc", "ABD", "abxyz"])
    with pytest.raises(LmcompareError, match=r"fastText.*load_facebook_vectors.*save_word2vec_format"):
        ready_vectors(tmp_path / "model.bin", words, 4)
    load_facebook_vectors(str(tmp_path / "model.bin")).save_word2vec_format(str(tmp_path / "vectors.txt"))
    vectors, found = ready_vectors(tmp_path / "vectors.txt", words, 4)
    assert found.tolist() == [False, False, True, True, False]
    np.testing.assert_allclose(vectors[2], model.wv["abc"], atol=1e-6)


def test_what_gensim_writes_is_read_and_its_pickles_are_refused(tmp_path: Path) -> None:
    vectors = KeyedVectors(3)
    vectors.add_vectors(list(GIVEN), np.array(list(GIVEN.values()), np.float32))
    for name, options in (("a.txt", {}), ("a.bin", {"binary": True}), ("a.glove", {"write_header": False})):
        vectors.save_word2vec_format(str(tmp_path / name), **options)
        np.testing.assert_allclose(ready_vectors(tmp_path / name, VOCABULARY, 3)[0][2], GIVEN["a"])
    vectors.save(str(tmp_path / "a.kv"))
    with pytest.raises(LmcompareError, match=r"pickle.*KeyedVectors\.load.*save_word2vec_format"):
        ready_vectors(tmp_path / "a.kv", VOCABULARY, 3)


def test_numbers_as_words_do_not_make_a_text_binary(tmp_path: Path) -> None:
    (tmp_path / "v").write_text("2 2\n7 1 2\n. . 8 9\n")
    words = Vocabulary(["<unk>", "</s>", "7", ". ."])
    assert ready_vectors(tmp_path / "v", words, 2)[0][2:].tolist() == [[1, 2], [8, 9]]
