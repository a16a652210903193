"""What a survey of a corpus says in words and figures, for the page and for the terminal."""

from __future__ import annotations

from collections import Counter

from lmcompare.render import numbers
from lmcompare.survey import Survey

ENDS = {"\\n": "\\n (Unix)", "\\r\\n": "\\r\\n (Windows)"}


def facts(found: Survey) -> list[tuple[str, str, str, str]]:
    """Return the key figures: name, value, detail, and the key of the term in the glossary."""
    train, test = found.splits["train"], found.splits["test"]
    total = sum(split.tokens for split in found.splits.values())
    held_out = sum(found.splits[which].bytes for which in ("valid", "test"))
    unseen = (
        f"{share(test.unknown, test.tokens)} are not in the vocabulary" if found.min_count > 1 else "of its tokens"
    )
    return [
        ("Tokens", numbers.short(total), f"{numbers.short(train.tokens)} of them in the training text", "token"),
        ("Types", numbers.count(train.types), f"{share(found.once, train.types)} of them occur once", "type"),
        ("Unseen in test", share(test.unseen or 0, test.tokens), unseen, "unseen"),
        ("Zipf's exponent", _exponent(found.zipf.exponent, -1), "frequency falls with rank", "zipf"),
        ("Heaps' exponent", _exponent(found.heaps.exponent), "the vocabulary grows with the text", "heaps"),
        (
            "Repeated text",
            share(sum(each.bytes for each in found.repeated), held_out),
            "of the validation and test text",
            "contamination",
        ),
    ]


def laws(found: Survey) -> list[str]:
    """Return what the two fitted laws say, in sentences."""
    said = []
    if found.zipf.exponent is not None:
        first, last = map(numbers.count, found.zipf.fitted)
        said.append(
            "Zipf's law: the frequency of a type falls as rank to the power of"
            f" {_exponent(found.zipf.exponent)}, fitted from rank {first} to rank {last}."
        )
    if (grows := found.heaps.exponent) is not None:
        said.append(
            f"Heaps' law: the number of types grows as tokens to the power of {_exponent(grows)}; twice the text has"
            f" {numbers.decimals(2**grows, 2)} times the types."
        )
    if not said:
        said.append("The training text is too short to fit the laws of Zipf and Heaps.")
    return said


def remarks(found: Survey) -> list[str]:
    """Return what else a reader of the text should know of it, in sentences."""
    said = []
    for which, split in found.splits.items():
        if split.copies:
            repeat = "repeats" if split.copies == 1 else "repeat"
            said.append(f"{numbers.plural(split.copies, 'document')} of {which} {repeat} an earlier one of {which}.")
    if found.again:
        again = share(found.again, found.lines)
        said.append(f"Of the lines of the training text, {again} have occurred in it before.")
    if len(found.line_ends) > 1:
        ends = [f"{numbers.count(n)} with {ENDS[end]}" for end, n in found.line_ends.items()]
        said.append(f"Lines end in two ways: {numbers.listed(ends)}.")
    if found.not_nfc:
        said.append(
            f"{numbers.plural(found.not_nfc, 'document')} {'is' if found.not_nfc == 1 else 'are'} not in Unicode NFC;"
            " --nfc normalises the text."
        )
    return said


def encodings(found: Survey) -> str:
    """Return the formats and encodings of the files: "3 text files in utf-8"; "" if no file was read."""
    pairs = Counter((file.format, file.encoding) for file in found.files)
    return numbers.listed(
        [
            f"{numbers.plural(n, f'{form} file')}{f' in {encoding}' if encoding else ''}"
            for (form, encoding), n in pairs.most_common()
        ]
    )


def share(part: int, whole: int) -> str:
    """Return a share in percent, or a dash for a share of nothing."""
    if not whole or not part:
        return numbers.percent(0.0 if whole else None)
    if part / whole < 5e-5:
        return f"<{numbers.NBSP}0.01{numbers.NBSP}%"
    return numbers.percent(part / whole, 2 if part / whole < 0.01 else 1)


def _exponent(value: float | None, sign: int = 1) -> str:
    return numbers.decimals(None if value is None else sign * value, 2)
