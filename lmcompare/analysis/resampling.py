"""What is resampled: test documents where there are enough of them, else passages within them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.token_blocks import blocks
from lmcompare.runfolder.files import RunFolderError
from lmcompare.runfolder.parquet import Array
from lmcompare.runfolder.run import Run

LEAST_DOCUMENTS = 30
BLOCK_SENTENCES = 20
MOST_UNITS = 2_000

OVER_DOCUMENTS = (
    "Intervals are over test documents, resampled in pairs; the models are taken as trained, averaged over seeds."
)
OVER_BLOCKS = (
    f"There are fewer than {LEAST_DOCUMENTS} test documents: intervals are over blocks of {BLOCK_SENTENCES} "
    "sentences and cover other passages of these documents, not other documents."
)
BLOCKS_ARE_DOCUMENTS = (
    f"There are fewer than {LEAST_DOCUMENTS} test documents: intervals are over blocks of {BLOCK_SENTENCES} "
    "sentences, each of which is a whole document here; the fewer they are, the wider the intervals."
)
NOTHING = "No model was scored."
TOO_FEW = "The test text is too short for intervals: no difference between models can be told from chance."


@dataclass(frozen=True)
class Units:
    """The U resampling units of the test text, the same for every model whatever its tokenizer.

    ``kind``: "documents" or "blocks of 20 sentences". ``bytes``: (U,). ``first``: (D,) the unit of each document's
    first sentence; ``blocks``: (D,) how many units it has. ``group``: (U₀,) from unit to group, where there were
    more than 2,000 units (they are dealt at random into so many groups, which leaves the estimates as they are).
    """

    kind: str
    note: str
    bytes: Array
    first: Array
    blocks: Array
    group: Array

    def __len__(self) -> int:
        return len(self.bytes)

    def of(self, document: Array, sentence: Array) -> Array:
        """(N,) the unit of each token, given its document and the index of its sentence in it."""
        block = np.minimum(sentence // BLOCK_SENTENCES, self.blocks[document] - 1)
        return np.asarray(self.group[self.first[document] + block])


def units_of(run: Run) -> Units:
    """Divide the test text of a run into resampling units.

    Documents are the units where 30 or more hold text. Below that, blocks of 20 sentences are, in which a rest of
    fewer than 10 belongs to the block before it. Raises ``RunFolderError`` where the tokenizers of the run do not
    charge the same bytes.
    """
    used = list(dict.fromkeys(model.tokens_fingerprint for model in run.scored))
    tables = [run.tokens[fp] for fp in used]
    sizes = [table.documents_of("test")["bytes"].to_numpy(np.int64) for table in tables]
    for table, other in zip(tables, sizes, strict=True):
        if not np.array_equal(other, sizes[0]):
            raise RunFolderError(
                f"{table.path / 'documents.parquet'} charges other bytes than "
                f"{tables[0].path / 'documents.parquet'}: run the same command again"
            )
    if not sizes:
        none = np.zeros(0, np.int64)
        return Units("documents", NOTHING, none, none, none, none)
    n_bytes = sizes[0]
    if (n_bytes > 0).sum() >= LEAST_DOCUMENTS:
        ones = np.ones(len(n_bytes), np.int64)
        return _grouped("documents", OVER_DOCUMENTS, n_bytes, np.arange(len(n_bytes)), ones)
    sentences, byte_start = _sentences(run, used[0])
    counts = np.bincount(sentences[:, 0], minlength=len(n_bytes))
    blocks = np.maximum(1, (counts + BLOCK_SENTENCES // 2) // BLOCK_SENTENCES)
    first = np.cumsum(blocks) - blocks
    document, index = sentences.T
    opens = (index % BLOCK_SENTENCES == 0) & (index // BLOCK_SENTENCES < blocks[document])
    edges = np.where(index[opens] == 0, 0, byte_start[opens])
    at = first[document[opens]] + index[opens] // BLOCK_SENTENCES
    begins = np.zeros(int(blocks.sum()), np.int64)
    begins[at] = edges
    ends = np.append(begins[1:], 0)
    ends[first + blocks - 1] = n_bytes
    note = OVER_BLOCKS if (blocks > 1).any() else BLOCKS_ARE_DOCUMENTS
    return _grouped(f"blocks of {BLOCK_SENTENCES} sentences", note, ends - begins, first, blocks)


def _sentences(run: Run, fingerprint: str) -> tuple[Array, Array]:
    """(S, 2) document and index of every test sentence, in order, and (S,) the byte at which it begins."""
    model = next(model for model in run.scored if model.tokens_fingerprint == fingerprint)
    pairs, starts = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
    columns = ("sentence", "position_in_sentence")
    for block in blocks(run, [model], "test", features=columns, scores=("byte_start",), seeds=1):
        begins = block.features["position_in_sentence"] == 0
        pairs.append(np.stack([block.features[name][begins] for name in ("document", "sentence")], axis=1))
        starts.append(block.stacked(0, "byte_start")[0][begins])
    return np.concatenate(pairs), np.concatenate(starts)


def dealt(units: int) -> Array:
    """(units,) the group that each unit is dealt to at random where there are too many of them, else its own."""
    return np.arange(units) if units <= MOST_UNITS else np.random.default_rng(0).permutation(units) % MOST_UNITS


def summed(values: Array, group: Array) -> Array:
    """(G, L) the sums of the rows of (U, L) values over groups of them, given the group of each row."""
    if len(group) <= MOST_UNITS:  # each is its own
        return values
    size = int(group.max()) + 1
    return np.stack([np.bincount(group, column, minlength=size) for column in values.T], axis=1)


def _grouped(kind: str, note: str, n_bytes: Array, first: Array, blocks: Array) -> Units:
    group = dealt(len(n_bytes))
    n_bytes = summed(n_bytes[:, None], group)[:, 0].astype(np.int64)
    return Units(kind, note, n_bytes, first, blocks, group)
