"""The test text that occurs in earlier text, such as that of training.

If there is much of it, models are compared on the rest: a model that has memorised its training text would win by a
text that it has read. Models still read the repeated text as context. A token that is partly in it counts as
repeated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.units import Units, placed, summed
from lmcompare.runfolder.files import Array
from lmcompare.runfolder.layout import Split
from lmcompare.runfolder.run import Run, kept

FEW = 0.005  # of the bytes: so much or less occurs in texts that nobody has copied, and changes no rank
MOST = 0.5  # with more of the test text repeated, no model is ranked


@dataclass(frozen=True)
class Repeats:
    """The parts of a split that repeat earlier text.

    Parameters
    ----------
    begins, ends : array of shape (R,)
        Where each part begins and ends: the keys of its document and byte, in rising order.
    documents, of : int
        How many documents have such a part, and how many there are.
    share : float
        Their share of the split's bytes.
    """

    begins: Array
    ends: Array
    documents: int
    of: int
    share: float

    @property
    def are_left_out(self) -> bool:
        """Whether models are compared without them: there is too much to ignore, and enough is left."""
        return FEW < self.share <= MOST

    def cover(self, document: Array, byte_start: Array, byte_end: Array) -> Array:
        """(N,) whether a part of each token is in them, given the token's document and bytes."""
        after = np.searchsorted(self.ends, placed(document, byte_start), side="right")  # the first that ends later
        begins = np.append(self.begins, np.iinfo(np.int64).max)
        return np.asarray(begins[after] < placed(document, byte_end))

    def bytes_in(self, units: Units) -> Array:
        """(U,) how many bytes of them are in each resampling unit."""
        sizes = self.ends - self.begins
        upto = np.append(0, np.cumsum(sizes))
        number = np.searchsorted(self.begins, units.begins)  # of the parts that begin before each unit
        before = upto[number] - (np.append(0, self.ends)[number] - units.begins).clip(0)
        inside = np.diff(np.append(before, upto[-1]))
        return np.asarray(summed(inside[:, None], units.group)[:, 0].astype(np.int64))


@kept
def repeats(run: Run, split: Split) -> Repeats:
    """Return what a split repeats of the texts before it; of series nothing is."""
    tables = next((run.tokens[model.tokens_fingerprint] for model in run.scored), None)
    if tables is None or not run.rules.every_token:
        return Repeats(np.zeros(0, np.int64), np.zeros(0, np.int64), 0, 0, 0.0)
    documents = tables.documents_of(split)
    spans = [json.loads(text) for text in documents["repeated_spans"]]
    found = [(d, *span) for d, of in enumerate(spans) for span in of]
    document, begins, ends = np.array(found, np.int64).reshape(-1, 3).T
    size = int(documents["bytes"].sum())
    share = float((ends - begins).sum() / size) if size else 0.0
    return Repeats(placed(document, begins), placed(document, ends), sum(map(bool, spans)), len(spans), share)
