"""Compare the surprisal of tokens with minicons' on a small GPT-2 with random weights, in bits.

pip install -e '.[hf,bench]' && python benchmarks/against_minicons.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import lmcompare
from tests.models.hf_causal.small import TEXTS, gpt2

ASKED = ["The cat sat on the mat.", "It sang there, and über all dogs are sleeping now.", "A — b"]


def main() -> None:
    """Print the greatest difference of a token."""
    from minicons import scorer

    folder = Path(tempfile.mkdtemp())
    path = str(gpt2(folder / "gpt2"))
    models = [{"plugin": "hf-causal", "path": path}]
    model = lmcompare.compare(TEXTS, models, out=folder / "run", quiet=True).model("hf-causal")
    theirs = scorer.IncrementalLMScorer(path, "cpu")
    greatest = 0.0
    for text, expected in zip(
        ASKED, theirs.token_score(ASKED, surprisal=True, base_two=True, bos_token=True), strict=True
    ):
        bits = model.surprisal(text)["surprisal_bits"]
        assert len(bits) == len(expected) - 1  # the first is the beginning
        greatest = max([greatest, *(abs(a - b) for a, (_, b) in zip(bits, expected[1:], strict=True))])
    print(f"greatest difference: {greatest:.1e} bits a token")


if __name__ == "__main__":
    main()
