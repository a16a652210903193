"""Documents to test with: plain ones, wild ones and random ones."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from lmcompare.corpora import Document
from lmcompare.tokens import Tokenised, Tokenizer

KINDS = ("word", "whitespace", "char", "byte")
BYTE_PAIRS = f"{Path(__file__).parent / 'bpe.py'}:BytePairs"  # it learns, and cuts whole documents


def document(*pieces: str, name: str = "d") -> Document:
    """Return a document of sentence, separator, sentence, … ; a separator may come last."""
    spans, at = [], 0
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            spans.append((at, at + len(piece)))
        at += len(piece)
    return Document(name, "".join(pieces), tuple(spans))


def lines(text: str, name: str = "d") -> Document:
    """Return a document with a sentence a line."""
    pieces: list[str] = []
    for line in text.splitlines(keepends=True):
        pieces += [line.rstrip("\n"), line[len(line.rstrip("\n")) :]]
    return document(*pieces, name=name)


TRAIN = [
    lines("The cat sat on the mat.\nThe dog (a big one) sat on the cat!\n“Well,” said the cat, “it's my mat.”\n"),
    lines('He said "no" - or did he?\nIn 1990 about 1,000.5 cats lived here: 3 of them well-fed.\nyes\n\nno no no\n'),
    document("我们 的 猫。", " ", "今天は晴れです。", "\n\n", "Café au lait \t costs  2 €.", " ", "The end.", "\n"),
]

WILD = [
    lines("The cat sat on the zebra.\nUnknown wörds lurk “here”, don't they?\n"),
    document("  leading blanks and\ttabs", "\r\n", "trailing blanks \u00a0 ", "\r\n", "", "\r\n", "\n", "\n\n\n"),
    document("a literal <unk> and a literal </s> .", "\n", "<unk> </s> <0x0A> \x00 \x1c \ufeff bom", ""),
    document("中文没有空格。日本語のテキスト。ภาษาไทย", " 。 ", "👩‍👩‍👧‍👦 ❤️ 🇩🇪 e\u0301a\u0300\u0316 می‌خواهم", "…"),
    document("The cat", "", "sat on", " not white! ", "the mat.", ""),
    document("", "", "", "\n"),
]

_CHARACTERS = st.one_of(
    st.sampled_from(list("abcTh 019  .,;'\"’“”()-–—…<>/&\n\r\t\u00a0\u3000é中ーあไ\u0301\u200d\u200c😀🇩\x00\x1c\\#")),
    st.characters(exclude_categories=["Cs"]),
)
CHUNKS = st.one_of(
    _CHARACTERS, st.sampled_from(["<unk>", "</s>", "The cat", "1,000.5", "it's", " - ", "\r\n", "👩‍👧"])
)
TEXTS = st.lists(CHUNKS, max_size=25).map("".join)


@st.composite
def documents(draw: st.DrawFn) -> list[Document]:
    """Return one to three random documents, cut into sentences at random places."""
    found = []
    for number in range(draw(st.integers(1, 3))):
        pieces = draw(st.lists(TEXTS, min_size=1, max_size=6))
        found.append(document(*pieces, name=str(number)))
    return found


def rebuilt(text: Tokenised, tokenizer: Tokenizer) -> list[bytes]:
    """Return the raw documents, put together again from tokens, white space and separators alone."""
    ends = [*text.starts[1:], len(text)]
    raw = []
    for start, end in zip(text.starts, ends, strict=True):
        data = b""
        for i in range(start, end):
            data += text.space_types[text.spaces[i]].encode()
            if text.tokens[i]:
                data += tokenizer.token_bytes(text.types[text.tokens[i]])
            else:
                separator = text.separator_types[text.separators[i]]
                data += separator.text.encode()
                assert separator.closes == (i == end - 1)
        raw.append(data)
    return raw
