"""The way from a word to the probabilities of the next one, as a picture, with what attention does on this way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from markupsafe import Markup

from lmcompare.errors import LmcompareError
from lmcompare.exhibits import Attention, from_json
from lmcompare.exhibits.attention import Head, telling_head, weights
from lmcompare.render.charts.strips import strip
from lmcompare.render.markdown import plain
from lmcompare.render.prose import Inline
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData
from lmcompare.runfolder.files import Array

NAMED = 2  # how many words of the greatest weights are named
DRAWN = 32  # numbers of a vector that are drawn


@dataclass(frozen=True)
class Look:
    """What attention computes at one word, in the head that shows most there.

    Parameters
    ----------
    model : Model
    additive : bool
        Whether attention compares states by an additive score; otherwise it compares words by a dot product.
    several : bool
        Whether there are several heads; ``head`` is the name of the one that is shown.
    word, other : str
        The word that reads, and the one to which it gives the greatest weight.
    query, key, value : Array
        The first numbers of the query of ``word``, and of the key and the value of ``other``.
    score, weight : float
        The score and the weight of ``other``.
    parts : list of tuple
        The words of the greatest weights, with these.
    adds : list of tuple
        Next words with what the head adds to their logits.
    """

    model: Model
    additive: bool
    several: bool
    head: str
    word: str
    other: str
    query: Array
    key: Array
    value: Array
    score: float
    weight: float
    parts: list[tuple[str, float]]
    adds: list[tuple[str, float]]

    @classmethod
    def of(cls, model: Model, exhibit: Attention, word: int) -> Look | None:
        """Return what attention computes at the word at this place; None if the word reads nothing."""
        said = exhibit.heads[telling_head(exhibit, word)]
        head = Head.of(exhibit, said)
        given = weights(exhibit, head.scores)[word]
        if not given.any():
            return None
        most = (-given).argsort(kind="stable").tolist()
        other, words = most[0], [visible(each) for each in exhibit.words]
        return cls(
            model,
            bool(exhibit.weigh),
            len(exhibit.heads) > 1,
            said.name,
            words[word],
            words[other],
            head.turned[0][word][:DRAWN],
            head.turned[1][other][:DRAWN],
            head.values[other][:DRAWN],
            float(head.scores[word, other]),
            float(given[other]),
            [(words[j], float(given[j])) for j in most[:NAMED] if given[j] > 0],
            _adds(exhibit, said.adds[word], word) if said.adds else [],
        )


def _adds(exhibit: Attention, added: Sequence[tuple[str, float]], word: int) -> list[tuple[str, float]]:
    """Return what a head adds to the logit of the next word of the text; at the last word, of the word that it
    favours.
    """
    came = exhibit.words[word + 1] if word + 1 < len(exhibit.words) else None
    named = [(visible(each), amount) for each, amount in added]
    return [pair for pair in named if came is not None and pair[0] == visible(came)][:1] or named[:1]


@dataclass(frozen=True)
class Way:
    """The picture: a look for each kind of attention, all looks, and the number of known words."""

    lanes: list[Look]
    looks: list[Look]
    types: int


def strips(label: str, values: Array) -> Inline:
    """Return the drawing of a vector with its label before it."""
    drawn = strip(values)
    html = Markup('<span class="bars-line"><i>{}</i>{}</span>').format(label, drawn["svg"])
    return Inline(html, f"{plain(label)}: {drawn['said']}. ")


def build(data: ReportData) -> Way | None:
    """Return the picture with what attention does in the models of the run; None if no model shows its attention."""
    looks: list[Look] = []
    first: Attention | None = None
    for model in data.scored:
        for exhibit in islice(_attentions(model.cell.measured("exhibits") or ()), 1):
            first = first or exhibit
            # the same word in all models whose exhibits have the same sentence
            word = (first if exhibit.words == first.words else exhibit).opens[1]
            looks += filter(None, [Look.of(model, exhibit, word)])
    # one model for each kind of attention; the exhibits show the others
    lanes = list({look.additive: look for look in reversed(looks)}.values())[::-1]
    if not lanes:
        return None
    return Way(lanes, looks, data.run.manifest.tokens[lanes[0].model.entry.tokens_fingerprint].types)


def _attentions(stored: Iterable[object]) -> Iterator[Attention]:
    """Yield the exhibits of attention that can be drawn."""
    for each in stored:
        if isinstance(each, dict) and each.get("kind") == Attention.kind:
            try:
                exhibit = from_json(each)
            except LmcompareError:  # the section of exhibits shows it as broken
                continue
            if isinstance(exhibit, Attention):
                yield exhibit
