"""Values become a text and the text the same values; what is no number is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcompare.corpora.series.values import line_of, text_of
from lmcompare.errors import LmcompareError

NUMBERS = st.floats(allow_nan=True, allow_infinity=False)


@given(values=st.lists(NUMBERS, min_size=1, max_size=20), data=st.data())
def test_a_text_gives_back_its_values_to_the_last_bit(values: list[float], data: st.DataObject) -> None:
    given_steps = data.draw(st.integers(0, len(values) - 1))
    text = text_of(values, given_steps)
    line = line_of(text)
    np.testing.assert_array_equal(line.values, np.array(values))
    assert line.given == given_steps
    assert line.whole == (given_steps == 0)
    words = [text[begin:end] for begin, end in line.spans.tolist()]
    assert words == text.split()


def test_the_context_is_the_past_or_all_of_a_training_text() -> None:
    assert line_of("1 2\n3 ?").context.tolist() == [1, 2]
    assert line_of("1 2 3").context.tolist() == [1, 2, 3]
    assert np.isnan(line_of("1 2\n3 ?").values[3])


@pytest.mark.parametrize("text", ["1 two 3", "1 inf", "1 nan", "1,5"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(LmcompareError, match="not a value of a series"):
        line_of(text)
