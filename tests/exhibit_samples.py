"""A sample of each built-in kind of exhibit, exhibits of the kind with one fault each, and random ones."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin

import numpy as np
from hypothesis import strategies as st

from lmcompare.exhibits import (
    Attention,
    AttentionHead,
    BackoffStep,
    BackoffTrace,
    Bars,
    Curve,
    Exhibit,
    Heatmap,
    Map2D,
    Neighbours,
    Passage,
    SourcedGuess,
    Sources,
    TrainingFilm,
    WorkedEquation,
)
from lmcompare.exhibits.exhibit import hints
from lmcompare.lab.diffusion.pictures import Denoised, DenoisingFilm, PromptedPictures
from tests.damage import TEXTS, VALUES

WEIGHTS = ((1.0, None, None), (0.4, 0.6, None), (0.7, 0.2, 0.1))
TURNED = ((1.0, None, None), (0.1, 0.9, None), (0.0, 0.1, 0.9))


def attention(word: str = "bank") -> Attention:
    """Return two heads over three words: the first prefers the last word it read, the second the one before."""
    rows = ((0.0, 1.0), (1.0, 0.0), (2.0, -1.0))
    adds = (((word, 0.5), ("x", -0.25)),) * 3
    first = AttentionHead("head 1", rows, rows, rows, role=word, adds=adds, effect=word)
    return Attention(
        title=word,
        words=("the", word, "was"),
        heads=(first, AttentionHead("head 2", rows, rows[::-1], rows, adds=adds, effect=word)),
        seen=((0, 1), (0, 2), (0, 3)),
        scale=0.5,
        opens=(0, 1),
    )


def heatmap(word: str = "bank", panels: int = 2) -> Heatmap:
    """Return a heat map of three rows and columns."""
    return Heatmap(
        title=word,
        rows=("the", word, "was"),
        columns=("the", word, "was"),
        panels=(word, "head 2")[:panels],
        values=(WEIGHTS, TURNED)[:panels],
        row_axis=word,
        column_axis="looks at",
    )


DARK, LIGHT = "0" * 4, "g8g8"  # pictures of two by two pixels


def pictures(word: str = "bank") -> PromptedPictures:
    """Return two pictures for each of two prompts, at two strengths of guidance."""
    panel = ((DARK, LIGHT), (LIGHT, DARK))
    return PromptedPictures(
        title=word,
        side=2,
        prompts=(word, "b"),
        strengths=("0", word),
        pictures=(panel, panel[::-1]),
        nearest=(panel[::-1], panel),
        labels=(((word, "1"), ("2", "3")), (("4", "5"), ("6", word))),
        fitting=(((True, False), (True, True)), ((False, False), (True, True))),
        shares=((0.5, 0.25), (1.0, 0.0)),
        opened=1,
    )


def denoising(word: str = "bank") -> DenoisingFilm:
    """Return the making of a picture for a prompt of two words, in three moments."""
    film = Denoised(
        words=(word, "b"),
        pictures=(LIGHT, "0123", DARK),
        guesses=(DARK, DARK, DARK),
        attention=(((100, 90, 80, 70), (0, 10, 20, 30)), ((50,) * 4, (50,) * 4), ((0,) * 4, (100,) * 4)),
        label=word,
        fits=False,
        share=0.5,
    )
    return DenoisingFilm(title=word, side=2, moments=("1", word, "3"), films=(film, replace(film, words=("c", "d"))))


def samples(word: str = "bank") -> list[Exhibit]:
    """Return a well-formed exhibit of each kind, with the word in its texts."""
    passage = Passage(before="a", context=word, next="x", after="c d")
    step = BackoffStep(token=word, matched=2, contexts=("", word), counts=(40, 3), probabilities=(0.01, 0.2))
    return [
        attention(word),
        heatmap(word),
        Neighbours(
            title=word, words=(word, "b"), neighbours=((word, "d"), ("e",)), similarities=((0.9, 0.1), (0.4,))
        ),
        BackoffTrace(title=word, note=word, steps=(step, replace(step, token="x", matched=1)), counted=word),
        Map2D(title=word, labels=(word, "b", "c"), x=(0.0, 1.0, 5.0), y=(0.0, 1.0, 5.0), groups=(word, "g", "g")),
        Sources(
            title=word,
            guesses=(
                SourcedGuess(
                    token=word, guess="x", probability=0.5, followed=1, occurs=2, passages=(passage, passage)
                ),
                SourcedGuess(token="y", guess="y", probability=0.1, followed=0, occurs=9, passages=()),
            ),
        ),
        Curve(title=word, names=(word,), x=((0.0, 1.0, 2.0),), y=((1.0, 3.0, 2.0),), x_axis=word, y_axis=word),
        Bars(title=word, labels=(word, "b"), values=(2.0, -1.0), unit=word),
        TrainingFilm(
            title=word,
            moments=(word, "step 9"),
            tokens=("the", word, "was"),
            weights=(WEIGHTS, TURNED),
            words=(word, "b"),
            x=((0.0, 0.1), (-1.0, 1.0)),
            y=((0.0, 0.2), (3.0, 1.0)),
            next=(word, "c"),
            probabilities=((0.1, 0.2), (0.7, 0.05)),
            follows=word,
        ),
        WorkedEquation(title=word, equation=word, saying=word, lines=((word, 0.5),)),
        pictures(word),
        denoising(word),
    ]


_NOT_WHOLE: Any = (1.5, 2)
_STEP = BackoffStep(token="bank", matched=2, contexts=("", "river"), counts=(7, 2), probabilities=(0.1, 0.4))

# By kind: the changed fields and a part of the sentence that names the fault.
_HEAD = attention().heads[0]
_FILM = denoising().films[0]
_GUESS = SourcedGuess(token="bank", guess="x", probability=0.5, followed=1, occurs=2, passages=())

FAULTS: dict[str, list[tuple[dict[str, Any], str]]] = {
    "attention": [
        ({"words": ("a", "b")}, "queries of 'head 1' are not 2 vectors"),
        ({"words": (), "seen": ()}, "no words"),
        ({"heads": ()}, "no heads"),
        ({"heads": (replace(_HEAD, keys=((1.0,),) * 3),)}, "queries of 'head 1' have 2 numbers, but keys have 1"),
        ({"heads": (replace(_HEAD, values=((1.0,), (1.0, 2.0), (1.0,))),)}, "values of 'head 1'"),
        ({"heads": (replace(_HEAD, bias=(1.0,)),)}, "bias of 'head 1' has 1 entries, not 5"),
        ({"heads": (replace(_HEAD, adds=((),)),)}, "adds of 'head 1' has 1 entries, not 3"),
        ({"heads": (replace(_HEAD, lengths=((1.0, 2e6),) * 3),)}, "beyond 1,000,000"),
        ({"heads": (_HEAD, replace(_HEAD, bias=(1.0,) * 5))}, "all or none of them bias and lengths"),
        ({"seen": ((0, 1), (0, 4), (0, 3))}, "seen must have a range of the 3 words"),
        ({"seen": ((0, 1),)}, "seen must have a range of the 3 words"),
        ({"weigh": (1.0,)}, "weigh has 1 numbers"),
        ({"turns": (1.0, 2.0)}, "turns has 2 angles"),
        ({"weigh": (1.0, 2.0), "turns": (1.0,)}, "turns has 1 angles"),
        ({"scale": 1e7}, "beyond 1,000,000"),
        ({"opens": (2, 0)}, "opens is (2, 0)"),
        ({"opens": (0, 3)}, "2 heads and 3 words"),
    ],
    "heatmap": [
        ({"panels": ("one", "two", "three")}, "2 panels, but 3"),
        ({"rows": ("a",)}, "for 1 rows"),
        ({"columns": ("x", "y")}, "2 columns"),
        ({"values": (WEIGHTS, (*WEIGHTS[:2], (0.5, 0.5)))}, "panel 'head 2'"),
        ({"opened": 2}, "opened is 2, but there are 2 panels"),
        ({"opened": -1}, "opened is -1"),
    ],
    "neighbours": [
        ({"words": ("a",)}, "words has 1 entries, neighbours has 2"),
        ({"similarities": ((0.9,), (0.4,))}, "for 'bank' neighbours has 2"),
        ({"similarities": ((0.9, 1.2), (0.4,))}, "not a cosine"),
    ],
    "backoff": [
        ({"steps": (replace(_STEP, counts=(1,)),)}, "for 'bank' contexts has 2 entries, counts has 1"),
        ({"steps": (replace(_STEP, matched=3),)}, "matched order 3 of 2"),
        ({"steps": (replace(_STEP, probabilities=(0.1, 1.2)),)}, "outside 0 … 1"),
        ({"steps": (replace(_STEP, counts=_NOT_WHOLE),)}, "steps[0].counts[0] is 1.5, not a whole number"),
        ({"steps": (replace(_STEP, counts=(1, 10**5000)),)}, "only numbers up to"),
        ({"steps": ("bank",)}, "steps[0] is 'bank', not a BackoffStep"),
    ],
    "map": [({"x": (0.0,)}, "x has 1"), ({"groups": ("one",)}, "groups has 1")],
    "curve": [({"names": ("train", "valid")}, "names has 2"), ({"y": ((5.0,),)}, "for 'bank' x has 3")],
    "bars": [
        ({"labels": ("a",)}, "labels has 1 entries, values has 2"),
        ({"labels": ("a", 3)}, "labels[1] is 3, not a text"),
        ({"labels": "ab"}, "labels is 'ab', not a tuple"),
        ({"values": (1.0, float("nan"))}, "values[1] is nan"),
        ({"values": (1.0, float("inf"))}, "values[1] is inf"),
        ({"values": (1.0, True)}, "values[1] is True, not a number"),
        ({"values": (1.0, 10**400)}, "only numbers up to 1e+100"),
        ({"values": (1.0, None)}, "values[1] is None, not a number"),
        ({"title": " "}, "no title"),
        ({"note": None}, "note is None, not a text"),
    ],
    "film": [
        ({"moments": (), "weights": (), "x": (), "y": (), "probabilities": ()}, "no moments"),
        ({"moments": ("one",)}, "moments has 1 entries, weights has 2"),
        ({"tokens": ("a", "b")}, "must be of 2 by 2"),
        ({"words": ("a",)}, "x does not have 1 numbers"),
        ({"y": ((0.0,), (1.0,))}, "y does not have 2 numbers"),
        ({"probabilities": ((0.1,), (0.2, 0.3))}, "probabilities does not have 2 numbers"),
        ({"probabilities": ((0.1, 1.2), (0.2, 0.3))}, "outside 0 … 1"),
        ({"weights": (WEIGHTS, (*TURNED[:2], (0.0, 0.1, -0.9)))}, "outside 0 … 1"),
    ],
    "pictures": [
        ({"prompts": (), "strengths": ()}, "no prompts or no strengths"),
        ({"strengths": ("1",)}, "strengths has 1 entries, pictures has 2"),
        ({"prompts": ("a",)}, "for '0' prompts has 1 entries, pictures has 2"),
        ({"shares": ((0.5,), (1.0, 0.0))}, "for '0' prompts has 2"),
        ({"labels": ((("1",), ("2", "3")), (("4", "5"), ("6", "7")))}, "for 'bank' pictures has 2"),
        ({"side": 3}, "a picture has 4 pixels, not 3 by 3"),
        ({"nearest": (((DARK, "00x0"), (DARK, DARK)),) * 2}, "the pixel 'x'"),
        ({"shares": ((0.5, 1.25), (1.0, 0.0))}, "outside 0 … 1"),
        ({"opened": 2}, "opened is 2, but there are 2 strengths"),
        (
            {
                part: (((value,), (value, value)), ((value,), (value, value)))
                for part, value in (("pictures", DARK), ("nearest", DARK), ("labels", "1"), ("fitting", True))
            },
            "different numbers of pictures",
        ),
    ],
    "denoising": [
        ({"films": ()}, "no moments or no films"),
        ({"moments": ("1",)}, "for 'bank b' moments has 1 entries, pictures has 3"),
        ({"side": 1}, "a picture has 4 pixels, not 1 by 1"),
        ({"films": (replace(_FILM, words=()),)}, "no words"),
        ({"films": (replace(_FILM, words=("a",)),)}, "attention must be of 1 words by 4 pixels"),
        ({"films": (replace(_FILM, guesses=("0", DARK, DARK)),)}, "a picture has 1 pixels"),
        ({"films": (replace(_FILM, attention=(((101,) * 4, (0,) * 4),) * 3),)}, "outside 0 … 100"),
    ],
    "sources": [
        ({"guesses": (replace(_GUESS, probability=1.2),)}, "the probability of 'x' is outside 0 … 1"),
        ({"guesses": (replace(_GUESS, followed=3),)}, "'x' followed a context 3 times, which occurs 2 times"),
        ({"guesses": ("a",)}, "guesses[0] is 'a', not a SourcedGuess"),
    ],
    "equation": [
        ({"equation": " "}, "LaTeX"),
        ({"saying": ""}, "in words"),
        ({"lines": (("p",),)}, "lines[0] has 1 parts, not 2"),
        ({"lines": (("p", "q"),)}, "lines[0][1] is 'q', not a number"),
    ],
}

_FLOATS = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, -1.0]),
    st.sampled_from([-0.0, 5e-324, 1e-300, 1.7e308, -1.7e308, 1e20, 10**20, 1000 - 1e-9]),
    st.floats(allow_nan=False, allow_infinity=False),
)
_WRONG = st.one_of(VALUES, st.sampled_from([object(), 3 + 4j, b"text", {1}, np.float32(1), np.zeros(2), str, ...]))


def random_exhibits(kind: type[Exhibit]) -> st.SearchStrategy[Exhibit]:
    """Return a strategy for exhibits of a kind: fields of their types, most tuples of one length; some fields odd."""
    most_fit = st.integers(0, 3).flatmap(lambda n: _of_type(kind, n))
    oddly = st.dictionaries(st.sampled_from([field.name for field in fields(kind)]), _WRONG, max_size=1)
    return most_fit | st.builds(lambda exhibit, odd: replace(exhibit, **odd), most_fit, oddly)


def _of_type(kind: Any, n: int) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a type that a field may have, with ``n`` entries in tuples of any length."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of(*(_of_type(part, n) for part in parts))
    if origin is tuple and parts[-1] is Ellipsis:
        inside = _of_type(parts[0], n)
        lengths = st.sampled_from([*[n] * 9, 2])
        return lengths.flatmap(lambda m: st.lists(inside, min_size=m, max_size=m)).map(tuple)
    if origin is tuple:
        return st.tuples(*(_of_type(part, n) for part in parts))
    if isinstance(kind, type) and is_dataclass(kind):
        types = {name: each for name, each in hints(kind).items() if get_origin(each) is not ClassVar}
        return st.builds(kind, **{name: _of_type(each, n) for name, each in types.items()})
    return {
        str: TEXTS,
        int: st.integers(0, 3) | st.just(10**400),
        bool: st.booleans(),
        float: _FLOATS,
        NoneType: st.none(),
    }[kind]
