"""The survey of a corpus as ``lmcompare corpora show`` prints it: tables and lines, and two plots on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmcompare.render import numbers
from lmcompare.render.tokens import printable, visible
from lmcompare.report.survey.words import encodings, laws, remarks, share
from lmcompare.report.terminal import print_table
from lmcompare.survey import Law, Survey

LISTED = 5  # documents that repeat the training text
COLUMNS, ROWS = 56, 12  # of a plot, in characters


def print_survey(found: Survey) -> None:
    """Print a survey: tables on a terminal and in a file, the plots on a terminal only."""
    console = Console(highlight=False, soft_wrap=True)
    for said in (f"{found.name}: {found.source}", *found.said, *((encodings(found),) if found.files else ())):
        _say(console, said)
    print_table(_sizes(found))
    types = f", those that occur {found.min_count} times or more" if found.min_count > 1 else ""
    _say(
        console,
        f"Tokens include the ends of sentences. The vocabulary would have {numbers.count(found.vocabulary)}"
        f" types{types}.",
    )
    notes = (note for note in (*found.tokenizer_notes, *found.notes) if note not in found.said)
    for said in (*notes, *laws(found), *remarks(found)):
        _say(console, said)
    frequent = " · ".join(f"{visible(token)} {numbers.count(n)}" for token, n in found.frequent)
    _say(console, f"Most frequent in the training text: {frequent}.")
    if console.is_terminal:
        for law, title in ((found.zipf, "frequency by rank"), (found.heaps, "types by tokens")):
            for row in _plot(law, title):
                _say(console, row)
    for each in found.repeated[:LISTED]:
        how = f"{numbers.percent(each.repeat.share, 0)}, most of it in {each.repeat.of}"
        split = "" if each.document.endswith(f"({each.split})") else f" ({each.split})"
        _say(console, f"repeated: {each.document}{split}: {how}")
    for line in found.longest:
        length, where = numbers.count(line.characters), f"{line.document}, line {numbers.count(line.number)}"
        _say(console, f"longest in {line.split}: {length} characters, {where}: {line.beginning}")
    for sample in found.samples:
        _say(console, f"\n{sample.split}, {sample.document}:\n{sample.text}")


def _say(console: Console, text: str) -> None:
    """Print a text as it is: nothing in it is markup, and no control character reaches the terminal."""
    console.print(Text("\n".join(printable(line) for line in text.split("\n"))))


def _sizes(found: Survey) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    heads = ["split", "documents", "sentences", "words", "tokens", "types", "bytes", "unseen"]
    heads += ["unknown"] if found.min_count > 1 else []
    for head in heads:
        table.add_column(head, justify="left" if head == "split" else "right", no_wrap=True)
    for name, split in found.splits.items():
        sizes = (split.documents, split.sentences, split.words, split.tokens, split.types, split.bytes)
        cells = [name, *map(numbers.count, sizes)]
        cells.append(numbers.NONE if split.unseen is None else share(split.unseen, split.tokens))
        table.add_row(*cells, *([share(split.unknown, split.tokens)] if found.min_count > 1 else []))
    return table


def _plot(law: Law, title: str) -> Iterator[str]:
    """Yield the rows of a plot on logarithmic axes; ``·`` is the fitted law."""
    if len(law.x) < 2:
        return
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    right, top = math.log(max(law.x)), math.log(max(law.y)) or 1.0

    def draw(points: Sequence[tuple[float, float]], mark: str) -> None:
        for x, y in points:
            column = round(math.log(x) / right * (COLUMNS - 1))
            row = round(math.log(y) / top * (ROWS - 1)) if y > 0 else -1
            if 0 <= row < ROWS:
                grid[ROWS - 1 - row][column] = mark

    if law.exponent is not None:
        steps = [math.exp(right * column / (COLUMNS - 1)) for column in range(COLUMNS)]
        draw([(x, law.at(x)) for x in steps if law.fitted[0] <= x <= law.fitted[1]], "·")
    draw([*zip(law.x, law.y, strict=True)], "o")
    yield f"\n{numbers.short(max(law.y))} {title}"
    yield from (f" │{''.join(row)}" for row in grid)
    yield f" └{'─' * COLUMNS} {numbers.short(max(law.x))}"
