"""``lmcompare export``."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.cli.console import lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]


def test_export_writes_a_file_once(place: Path) -> None:
    for name in ("out.arpa", "out.arpa.gz"):
        done = lmcompare("export", "run", name, "--model", "ngram", cwd=place)
        assert (done.returncode, done.stdout) == (0, f"{name}\n"), done.stderr
    written = (place / "out.arpa").read_bytes()
    assert written.startswith(b"\\data\\\nngram 1=")
    assert gzip.decompress((place / "out.arpa.gz").read_bytes()) == written
    (place / "out.arpa").write_bytes(b"mine")
    done = lmcompare("export", "run", "out.arpa", "-m", "ngram", cwd=place)
    assert done.returncode == 2
    said = "choose another name, or replace it with --force (force=True in Python)"
    assert done.stderr == f"lmcompare: out.arpa is there already: {said}\n"
    assert (place / "out.arpa").read_bytes() == b"mine"
    assert lmcompare("export", "run", "out.arpa", "-m", "ngram", "--force", cwd=place).returncode == 0
    assert (place / "out.arpa").read_bytes() == written


def test_links_of_the_user_are_left_as_they_are(place: Path) -> None:
    target, link, broken = place / "elsewhere" / "kept.arpa", place / "link.arpa", place / "broken.arpa"
    target.parent.mkdir()
    target.write_bytes(b"mine")
    link.symlink_to(target)
    broken.symlink_to("nowhere")
    for name in (link.name, broken.name):
        assert lmcompare("export", "run", name, "-m", "ngram", cwd=place).returncode == 2
    assert target.read_bytes() == b"mine"
    assert broken.is_symlink()
    assert lmcompare("export", "run", link.name, "-m", "ngram", "--force", cwd=place).returncode == 0
    assert link.is_symlink()
    assert target.read_bytes().startswith(b"\\data\\")
    for path in (link, broken):
        path.unlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x.arpa", "-m", "unigram"), "ngram and ngram-tuned only: it can be written as tokenizer.json"),
        (("x", "-m", "ngram"), "a transformer trained with style = llama"),
        (("x.bin", "-m", "ngram"), "it can be written as .arpa, .arpa.gz, tokenizer.json"),
        ((".arpa", "-m", "ngram"), "named '.arpa'"),
        (("x.arpa", "-m", "ngram,unigram"), "one model, not 'ngram,unigram'"),
        (("x.arpa", "-m", "ngrams"), "unknown model 'ngrams' (did you mean 'ngram'?)"),
        (("text.txt/x.arpa", "-m", "ngram"), "text.txt/x.arpa can't be"),
        (("run/cells/ngram/0/model/arrays.arpa", "-m", "ngram", "--force"), "is among the files of the run"),
    ],
)
def test_export_says_what_is_wrong(place: Path, arguments: tuple[str, ...], said: str) -> None:
    done = lmcompare("export", "run", *arguments, cwd=place)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(place.glob("*x.*"))
