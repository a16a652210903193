"""Rows of a long table are cut anew at documents, whatever the blocks are in which they are read."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.runfolder.parquet import upto_documents


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=9),
    st.lists(st.integers(1, 6), max_size=9),
    st.sets(st.integers(1, 8), max_size=8),
)
def test_parts_have_the_rows_of_their_documents(lengths: list[int], sizes: list[int], inner: set[int]) -> None:
    document = np.repeat(np.arange(len(lengths)), lengths)
    rows = {"document": document, "row": np.arange(len(document))}
    cuts = np.cumsum(sizes)[np.cumsum(sizes) < len(document)]
    blocks = [
        dict(zip(rows, each, strict=True)) for each in zip(*(np.split(v, cuts) for v in rows.values()), strict=True)
    ]
    ends = [*sorted(end for end in inner if end < len(lengths)), len(lengths)]
    parts = list(upto_documents(blocks, ends))
    begins = [0, *ends]
    for part, begin, end in zip(parts, begins, ends, strict=False):
        np.testing.assert_array_equal(part["row"], np.flatnonzero((document >= begin) & (document < end)))
    assert len(parts) == len(ends)
