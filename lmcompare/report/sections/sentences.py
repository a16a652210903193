"""Held-out sentences, token by token: the surprisal under every model, one row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lmcompare.report import numbers
from lmcompare.report.data import Model, ReportData, Section, marked
from lmcompare.report.markdown import plain, table
from lmcompare.report.passages import MOST_BITS
from lmcompare.report.templating import fill
from lmcompare.report.tokens import visible

SHOWN_OPEN = 3  # sentences beyond these are folded
LONGEST = 80  # tokens of a sentence that are shown
IN_MARKDOWN = 2


@dataclass(frozen=True)
class Sentence:
    """A sentence of the test text; ``bits``: a row a model, a column a token."""

    document: str
    tokens: Sequence[str]
    models: Sequence[Model]
    bits: Sequence[Sequence[float]]
    unknown: Sequence[bool]
    tokens_in_all: int
    apart: frozenset[str]

    @property
    def totals(self) -> list[float]:
        """Each model's bits for the tokens shown."""
        return [sum(row) for row in self.bits]

    @property
    def reading(self) -> str:
        """One sentence that reads the table."""
        totals = self.totals
        counted = [i for i, model in enumerate(self.models) if model.name not in self.apart] or list(
            range(len(totals))
        )
        best, worst = min(counted, key=totals.__getitem__), max(counted, key=totals.__getitem__)
        said = f"{self.models[best].name} needs {totals[best]:.0f} bits for this sentence"
        if best != worst:
            said += f", the fewest, {self.models[worst].name} {totals[worst]:.0f}"
            rows = [self.bits[i] for i in counted]
            peaks = [max(row[i] for row in rows) - min(row[i] for row in rows) for i in range(len(self.tokens))]
            at = max(range(len(peaks)), key=peaks.__getitem__)
            said += f"; the models part most at “{visible(self.tokens[at])}”, by {numbers.bits(peaks[at])} bits"
        return said + "."


def build(data: ReportData) -> Section | None:
    """Return the section, or None where no sentence was stored."""
    sentences: list[Sentence] = []
    for fingerprint, models in data.groups.items():
        names = data.run.tokens[fingerprint].documents_of("test")["name"].astype(str).tolist()
        known = set(data.run.tokens[fingerprint].vocabulary.tokens[1:])  # the first stands for the unknown
        stored = [{(s["document"], s["first"]): s for s in m.cell.examples["sentences"]} for m in models]
        for key, example in stored[0].items() if stored else ():
            having = [(m, s[key]) for m, s in zip(models, stored, strict=True) if key in s]
            tokens = [str(t) for t in example["tokens"]]
            same = [(m, s) for m, s in having if s["tokens"] == example["tokens"]]
            if tokens:
                bits = [
                    [MOST_BITS if b is None else min(float(b), MOST_BITS) for b in s["surprisal_bits"]][:LONGEST]
                    for _, s in same
                ]
                name = names[int(key[0])] if int(key[0]) < len(names) else f"document {key[0]}"
                unknown = [token not in known for token in tokens[:LONGEST]]
                sentences.append(
                    Sentence(name, tokens[:LONGEST], [m for m, _ in same], bits, unknown, len(tokens), data.apart)
                )
    if not sentences:
        return None
    html = fill("sentences", sentences=sentences, shown_open=SHOWN_OPEN, apart=data.apart)
    markdown = "\n\n".join(map(_markdown, sentences[:IN_MARKDOWN]))
    return Section("sentences", "The same sentence under every model", html, markdown)


def _markdown(sentence: Sentence) -> str:
    rows = (
        (plain(visible(token)) + (" (unknown)" if unknown else ""), *(numbers.bits(row[i]) for row in sentence.bits))
        for i, (token, unknown) in enumerate(zip(sentence.tokens, sentence.unknown, strict=True))
    )
    grid = table(("token", *(marked(m, sentence.apart) for m in sentence.models)), rows)
    return f"From *{plain(sentence.document)}*, surprisal in bits. {plain(sentence.reading)}\n\n{grid}"
