"""How much of a scored text was training text of a model, whatever its tokens."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import lmcompare
from tests.cli.console import lmcompare as command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

WORDS = ["".join(random.Random(n).choices("abcdefghij", k=3 + n % 5)) for n in range(800)]


def written(words: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, [1 / n for n in range(1, 801)], k=words))


@pytest.mark.parametrize("tokens", ["word", "char", "bpe"])
def test_each_text_has_its_share(tmp_path: Path, tokens: str) -> None:
    train = [f"{written(150, n)}." for n in range(20)]
    text = {"train": train, "valid": [written(100, 100)], "test": [written(100, 101)]}
    found = lmcompare.compare(text, ["unigram"], tokens=tokens, out=tmp_path / "run", device="cpu", quiet=True)
    assert not found.failures
    half = " ".join(train[3].split()[20:60])
    new = written(40, 102)
    lines = [train[5], f"{half} {new}", new]
    (tmp_path / "texts.txt").write_text("\n".join(lines))
    done = command("score", "run", "texts.txt", "--format", "csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    head, *rows = (line.split(",") for line in done.stdout.splitlines())
    shares = [float(row[head.index("training_share")]) for row in rows]
    assert shares[0] == 1.0
    assert shares[1] == pytest.approx(len(half) / len(lines[1]), abs=0.1)
    assert shares[2] == 0.0
    assert "were training text of 'unigram'" in done.stderr
