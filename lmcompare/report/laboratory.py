"""What the laboratory found on the text of a run, where its folder is that of the run."""

from __future__ import annotations

from pathlib import Path

from lmcompare.analysis.findings import StoredFindings, findings_in
from lmcompare.render import numbers
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.layout import FINDINGS, LAB_RUN
from lmcompare.runfolder.manifest import read_manifest
from lmcompare.runfolder.run import Run


def found_on_its_text(run: Run) -> tuple[list[StoredFindings], list[str]]:
    """Return the findings in the folder of a run, and sentences on those that are left out."""
    found, broken = findings_in(run.path)
    left_out = [
        f"{FINDINGS}/{path.name} is not as it was written and is left out: run the experiment again with"
        f" 'lmcompare lab {path.stem}'."
        for path in broken
    ]
    own = run.corpus_fingerprint
    others = [each.name for each in found if (each.text or _text_of_models(run.path)) != own]
    if others:
        left_out.append(
            f"What was found by {numbers.listed(others)} is left out: it is about another text than this report."
        )
    return [each for each in found if each.name not in others], left_out


def _text_of_models(folder: Path) -> str:
    """Return the fingerprint of the corpus on which the laboratory has trained its models; "" if it can't be read."""
    try:
        return read_manifest(folder / LAB_RUN).corpus.fingerprint
    except RunFolderError:
        return ""
