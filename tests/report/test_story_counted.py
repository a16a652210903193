"""What follows the end of a context in the training text, compared with a count by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.report.sections.story_counted import next_of
from lmcompare.tokens import Encoded, Vocabulary

WORDS = Vocabulary(["<unk>", "</s>", "a", "b", "c"])
DOCUMENTS = st.lists(st.lists(st.integers(1, 4), max_size=8), min_size=1, max_size=5)


@given(documents=DOCUMENTS, context=st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_it_finds_every_place_within_one_document(documents: list[list[int]], context: list[int]) -> None:
    wanted = [
        one[at] for one in documents for at in range(len(context), len(one)) if one[at - len(context) : at] == context
    ]
    text: Any = Encoded.from_documents(documents, WORDS)
    assert next_of(text, np.array(context)).tolist() == wanted
