"""The n-gram model against KenLM's figures, through the harness as a user would run it.

Text: gensim's ``lee_background.cor``, white-space tokens, each line a document; lines 1-250 train, 251-300 test.
KenLM's ``lmplz`` (interpolated modified Kneser-Ney, no pruning) and ``query`` gave the perplexities in ``KENLM``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from gensim.test.utils import datapath

KENLM = {  # order: perplexity with and without unknown words
    2: (772.0005782108137, 362.9472672934027),
    3: (740.7079215090163, 347.58997775248963),
    4: (736.2454373662607, 346.40604840411265),
    5: (735.4337312440183, 346.23141127076104),
}


def main() -> None:
    """Run the experiment and print each order's figures beside KenLM's."""
    lines = [line for line in Path(datapath("lee_background.cor")).read_text().splitlines() if line.strip()]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # the model reads no validation text: part of train serves, so that no line of test is used
        for name, part in (("train", lines[:250]), ("valid", lines[225:250]), ("test", lines[250:])):
            (folder / f"{name}.txt").write_text("\n".join(part) + "\n")
        models = "".join(f'[[models]]\nplugin = "ngram"\nname = "kn{n}"\norder = {n}\n' for n in KENLM)
        (folder / "lee.toml").write_text(
            '[corpus]\ntrain = "train.txt"\nvalid = "valid.txt"\ntest = "test.txt"\ndocuments = "line"\n'
            f'[tokens]\nkind = "whitespace"\nmin_count = 1\n{models}'
        )
        out = folder / "out"
        command = [
            sys.executable,
            "-m",
            "lmcompare.cli",
            "run",
            str(folder / "lee.toml"),
            "--out",
            str(out),
            "--quiet",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rows = {row["name"]: row for row in json.loads((out / "results.json").read_text())["models"]}
    print("order  perplexity  KenLM's     off by     without <unk>  KenLM's     off by")
    for order, (with_unknown, without) in KENLM.items():
        row = rows[f"kn{order}"]
        ours, ours_without = row["perplexity"], row["perplexity_excluding_unknown"]
        print(
            f"{order:<6} {ours:<11.4f} {with_unknown:<11.4f} {ours / with_unknown - 1:<+10.1e} "
            f"{ours_without:<14.4f} {without:<11.4f} {ours_without / without - 1:<+10.1e}"
        )


if __name__ == "__main__":
    main()
