"""What is resampled: the documents of the test text if there are enough of them, else blocks of their text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmcompare.analysis.blocks import blocks
from lmcompare.runfolder.files import Array, RunFolderError
from lmcompare.runfolder.run import Run

LEAST_DOCUMENTS = 30
BLOCK_SENTENCES = 20
BLOCK_BYTES = 2_000  # about as long as 20 sentences, for texts with long lines
MOST_UNITS = 2_000
BLOCKS, LEAST_STEPS = 60, 4  # of series: about how many blocks, and the least steps of each


@dataclass(frozen=True)
class Units:
    """The U resampling units of the test text, the same for every model whatever its tokenizer.

    Parameters
    ----------
    kind : str
        "documents", "blocks of 20 sentences", "blocks of 2,000 bytes" or, of series, "blocks of about … steps".
    bytes : array of shape (U,)
        The UTF-8 bytes of each unit.
    begins : array of shape (U0,)
        Where each unit begins before they are grouped: the key of its document and byte, in rising order.
    group : array of shape (U0,)
        From unit to group. More than 2,000 units are distributed at random over 2,000 groups, which leaves the
        estimates unchanged.
    whole_documents : bool
        Whether every unit is a whole document.
    """

    kind: str
    bytes: Array
    begins: Array
    group: Array
    whole_documents: bool

    def __len__(self) -> int:
        return len(self.bytes)

    def of(self, document: Array, byte_start: Array) -> Array:
        """(N,) the unit of each token, given its document and the byte of the document at which it begins."""
        return np.asarray(self.group[np.searchsorted(self.begins, placed(document, byte_start), side="right") - 1])


def units_of(run: Run) -> Units:
    """Divide the test text of a run into resampling units.

    The units are documents if 30 or more of them contain text. Otherwise they are blocks of 20 sentences, where a
    remainder of fewer than 10 sentences belongs to the block before it; or blocks of 2,000 bytes, if the sentences
    are so long that there are more of these and fewer than 30 of the others.

    Raises
    ------
    RunFolderError
        If the tokenizers of the run do not charge the same bytes.
    """
    used = list(dict.fromkeys(model.tokens_fingerprint for model in run.scored))
    tables = [run.tokens[fp] for fp in used]
    sizes = [table.documents_of("test")["bytes"].to_numpy(np.int64) for table in tables]
    for table, other in zip(tables, sizes, strict=True):
        if not np.array_equal(other, sizes[0]):
            raise RunFolderError(
                f"{table.path / 'documents.parquet'} counts other bytes than "
                f"{tables[0].path / 'documents.parquet'}: repeat the lmcompare run that wrote it"
            )
    if not sizes:
        none = np.zeros(0, np.int64)
        return Units("documents", none, none, none, True)
    n_bytes = sizes[0]
    if run.rules.blocks == "tokens":
        return _of_steps(run, used[0], n_bytes)
    if (n_bytes > 0).sum() >= LEAST_DOCUMENTS:
        return _grouped("documents", n_bytes, np.ones(len(n_bytes), np.int64), np.zeros(len(n_bytes), np.int64))
    sentences, byte_start = _sentences(run, used[0])
    counts = np.bincount(sentences[:, 0], minlength=len(n_bytes))
    blocks = np.maximum(1, (counts + BLOCK_SENTENCES // 2) // BLOCK_SENTENCES)
    by_bytes = np.maximum(1, (n_bytes + BLOCK_BYTES // 2) // BLOCK_BYTES)
    if blocks.sum() < min(LEAST_DOCUMENTS, by_bytes.sum()):
        index = np.arange(by_bytes.sum()) - np.repeat(np.cumsum(by_bytes) - by_bytes, by_bytes)
        return _grouped(f"blocks of {BLOCK_BYTES:,} bytes", n_bytes, by_bytes, index * BLOCK_BYTES)
    document, index = sentences.T
    opens = (index % BLOCK_SENTENCES == 0) & (index // BLOCK_SENTENCES < blocks[document])
    begins = np.zeros(int(blocks.sum()), np.int64)
    at = (np.cumsum(blocks) - blocks)[document[opens]] + index[opens] // BLOCK_SENTENCES
    begins[at] = np.where(index[opens] == 0, 0, byte_start[opens])
    return _grouped(f"blocks of {BLOCK_SENTENCES} sentences", n_bytes, blocks, begins)


def _of_steps(run: Run, fingerprint: str, steps: Array) -> Units:
    """Return blocks of scored steps of series, about ``BLOCKS`` of them and each of ``LEAST_STEPS`` or more.

    Steps that follow each other are alike, so that blocks are drawn and not steps (Künsch 1989).
    """
    length = max(LEAST_STEPS, -(-int(steps.sum()) // BLOCKS))
    parts = np.maximum(1, (steps + length // 2) // length)
    text = run.tokens[fingerprint].test
    scored = np.flatnonzero(run.tokens[fingerprint].scored_steps("test"))
    assert text.spans is not None, "text was encoded"
    document, at = text.document_of(scored), text.spans[scored, 0]
    first = np.searchsorted(document, np.arange(len(steps)))  # of each document, the place of its first scored step
    begins, units, number = np.zeros(int(parts.sum()), np.int64), np.zeros(int(parts.sum()), np.int64), 0
    for which, (count, own) in enumerate(zip(steps.tolist(), parts.tolist(), strict=True)):
        ends = np.linspace(0, count, own + 1).astype(int)
        units[number : number + own] = np.diff(ends)
        begins[number + 1 : number + own] = at[first[which] + ends[1:-1]]
        number += own
    group = dealt(len(begins))
    sizes = summed(units[:, None], group)[:, 0].astype(np.int64)
    keys = placed(np.repeat(np.arange(len(parts)), parts), begins)
    return Units(f"blocks of about {length:,} steps", sizes, keys, group, not (parts > 1).any())


def _sentences(run: Run, fingerprint: str) -> tuple[Array, Array]:
    """(S, 2) document and index of every test sentence, in order, and (S,) the byte at which each begins."""
    model = next(model for model in run.scored if model.tokens_fingerprint == fingerprint)
    pairs, starts = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
    columns = ("sentence", "position_in_sentence")
    for block in blocks(run, [model], "test", features=columns, scores=("byte_start",), seeds=1):
        begins = block.features["position_in_sentence"] == 0
        pairs.append(np.stack([block.features[name][begins] for name in ("document", "sentence")], axis=1))
        starts.append(block.stacked(0, "byte_start")[0][begins])
    return np.concatenate(pairs), np.concatenate(starts)


def dealt(units: int) -> Array:
    """(units,) the group of each unit: its own, or a random one if there are more than ``MOST_UNITS``."""
    return np.arange(units) if units <= MOST_UNITS else np.random.default_rng(0).permutation(units) % MOST_UNITS


def summed(values: Array, group: Array) -> Array:
    """(G, L) the sums of (U, L) values over groups of rows, given the group of each row."""
    if len(group) <= MOST_UNITS:  # every row is its own group
        return values
    size = int(group.max()) + 1
    return np.stack([np.bincount(group, column, minlength=size) for column in values.T], axis=1)


def _grouped(kind: str, n_bytes: Array, blocks: Array, begins: Array) -> Units:
    """Return the units, given the bytes and number of units of each document (D,), and where units begin (U0,)."""
    document = np.repeat(np.arange(len(blocks)), blocks)
    ends = np.append(begins[1:], 0)
    ends[np.cumsum(blocks) - 1] = n_bytes
    group = dealt(len(begins))
    summed_bytes = summed((ends - begins)[:, None], group)[:, 0].astype(np.int64)
    return Units(kind, summed_bytes, placed(document, begins), group, not (blocks > 1).any())


def placed(document: Array, at: Array) -> Array:
    """Return a number for each place in the test text, in the order of documents and of bytes or positions."""
    return (np.asarray(document, np.int64) << 40) + np.asarray(at, np.int64)
