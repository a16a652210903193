"""What ``tests/models/kenlm`` asks of a stand-in, asked of KenLM itself."""

from __future__ import annotations

import kenlm
import pytest

from tests.models.kenlm.test_plugin import (  # noqa: F401
    arpa,
    test_a_broken_file_is_refused_when_its_digest_is_taken,
    test_binary_files_by_hand,
    test_it_gives_the_figures_of_ngram_file,
    test_it_is_restored_from_the_same_file_alone,
    test_the_score_of_a_known_token_takes_one_call,
    test_wrong_files_are_errors,
)


@pytest.fixture(autouse=True)
def library() -> None:
    assert kenlm.Model  # not the stand-in
