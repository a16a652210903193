from __future__ import annotations

import pytest

from lmcompare.tokens import make_tokenizer

SENTENCES = [
    "The cat (a big one) sat on the mat, didn't it?",
    'He said "no" and left; she said "yes!" twice.',
    "It's the cat's well-known mat: 1914–18, and/or 50%.",
    "The workers' rights… and “double” quotes, too.",
    "Then 'single' ones (in 'brackets').",
    "It costs $5 [or £4]... at 20°, #3.",
    "我们的猫。今天は晴れ、です",
    "Wien’s l'eau 1,000.5",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_words_come_out_as_they_are_written(sentence: str) -> None:
    word = make_tokenizer({"kind": "word"})
    assert word.detokenize(word.tokenize(sentence)[0]) == sentence


def test_a_sentence_end_is_a_line_end() -> None:
    word = make_tokenizer({"kind": "word"})
    assert word.detokenize(["He", "said", '"', "no", ".", "</s>", '"', "Yes", '"', "</s>"]) == 'He said "no.\n"Yes"\n'
    assert make_tokenizer({"kind": "whitespace"}).detokenize(["a", ",", "</s>", "<unk>"]) == "a ,\n<unk>"
    assert word.detokenize([]) == ""
