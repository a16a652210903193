"""``lmcompare compress`` and ``decompress``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.console import lmcompare

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

TEXT = "the cat saw it.\r\nmy bxqz\n\n"


@pytest.fixture
def work(place: Path) -> Path:
    for name in ("note.txt", "note.txt.lmc", "back.txt"):
        (place / name).unlink(missing_ok=True)
    (place / "note.txt").write_bytes(TEXT.encode())
    return place


def test_a_file_comes_back_byte_by_byte(work: Path) -> None:
    done = lmcompare("compress", "run", "note.txt", "--model", "ngram", cwd=work)
    assert done.returncode == 0, done.stderr
    packed = (work / "note.txt.lmc").stat().st_size
    assert (
        f"compressed {len(TEXT)} bytes to {packed} bytes ({8 * packed / len(TEXT):.3f} bits per byte)" in done.stdout
    )
    done = lmcompare("decompress", "run", "note.txt.lmc", "--out", "back.txt", cwd=work)
    assert done.returncode == 0, done.stderr
    assert (work / "back.txt").read_bytes() == TEXT.encode()
    (work / "note.txt").unlink()
    assert lmcompare("decompress", "run", "note.txt.lmc", cwd=work).returncode == 0
    assert (work / "note.txt").read_bytes() == TEXT.encode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compress", "run", "none.txt", "--model", "ngram"), "none.txt can't be used: No such file"),
        (("compress", "run", "latin.txt", "--model", "ngram"), "latin.txt is not UTF-8"),
        (("compress", "run", "note.txt", "--model", "ngarm"), "did you mean 'ngram'"),
        (("compress", "run", "note.txt", "--model", "ngram", "--out", "latin.txt"), "replace it with --force"),
        (("compress", "run", "note.txt", "--model", "ngram", "--out", "run/cells/x"), "among the files of the run"),
        (("compress", "run", "run", "--model", "ngram"), "run can't be used: Is a directory"),
        (
            ("compress", "run", "note.txt", "--model", "ngram", "--out", "./note.txt", "--force"),
            "the file that is read",
        ),
        (("decompress", "run", "strange.lmc", "--out", "strange.lmc", "--force"), "the file that is read"),
        (("decompress", "run", "note.txt"), "note.txt: this was not written by 'lmcompare compress'"),
        (("decompress", "run", "strange.lmc"), "no model in run compressed strange.lmc"),
        (("decompress", "run", "strange.txt"), "strange.txt does not end in .lmc"),
    ],
)
def test_what_can_t_be_done_is_said(work: Path, arguments: tuple[str, ...], said: str) -> None:
    (work / "latin.txt").write_bytes("é".encode("latin-1"))
    made = lmcompare("compress", "run", "note.txt", "--model", "ngram", "--out", "strange.lmc", "--force", cwd=work)
    assert made.returncode == 0
    data = bytearray((work / "strange.lmc").read_bytes())
    data[5] ^= 255  # of the digest of the model
    for name in ("strange.lmc", "strange.txt"):
        (work / name).write_bytes(data)
    (work / "strange").unlink(missing_ok=True)
    done = lmcompare(*arguments, cwd=work)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (work / "latin.txt").read_bytes() == "é".encode("latin-1")
    assert (work / "note.txt").read_bytes() == TEXT.encode()
