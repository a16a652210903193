"""From counting to attention: a story of the run's models in scenes, with one running sentence."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Any, Self

import numpy as np

from lmcompare.analysis.findings import StoredFindings
from lmcompare.exhibits.attention import FAR
from lmcompare.render import numbers
from lmcompare.render.charts.strips import strip
from lmcompare.render.titles import spoken
from lmcompare.render.tokens import visible
from lmcompare.report.data import Model, ReportData, Section
from lmcompare.runfolder.files import Array
from lmcompare.studies.story.scene import COUNTS, GAIN, Loss, Scene, even, likely
from lmcompare.studies.story.sentences import FAR_CHANGE, FarBack, Looking, Unseen, all_of, times
from lmcompare.studies.story.sentences import MOST as MOST_BITS
from lmcompare.tokens import Encoded, IntArray


@dataclass(frozen=True)
class SmallExample:
    """One vector against those of some words.

    Parameters
    ----------
    key : str
        Its name, in its id on the page.
    asks : str
        What the vector is, and its numbers.
    columns : tuple of str
        The headings of the words, their vectors, the sums, their exponentials and the shares, and perhaps of values
        and what is mixed of them.
    rows : tuple
        A word, its vector, how the sum of products comes about, and the others, as text.
    result : str
        What follows.
    """

    key: str
    asks: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    result: str

    @classmethod
    def of(cls, outline: Mapping[str, Any]) -> Self:
        """Work the example of a scene out: softmax(vectors · vector), and the mix of values, if there are any."""
        vector, words = outline["numbers"], outline["words"]
        values = np.array(list(outline.get("values", {}).values()), np.float64)
        sums = np.array([np.dot(vector, own) for own in words.values()], np.float64)
        raised = np.exp(sums)
        shares = raised / raised.sum()
        mixed = shares[:, None] * values if len(values) else values
        rows = tuple(
            (
                word,
                _tuple(own),
                f"{' + '.join(f'{_factor(a)} · {_factor(b)}' for a, b in zip(vector, own, strict=True))}"
                f" = {numbers.decimals(float(total), 0)}",
                numbers.decimals(float(power), 2),
                numbers.percent(float(shares[at]), 1),
                *((_tuple(values[at]), _tuple(mixed[at], 2)) if len(values) else ()),
            )
            for at, ((word, own), total, power) in enumerate(zip(words.items(), sums, raised, strict=True))
        )
        mix = _tuple(mixed.sum(axis=0), 2) if len(values) else ""
        asks = f"{outline['asks']}: {_tuple(vector)}"
        return cls(outline["key"], asks, tuple(outline["columns"]), rows, outline["result"].format(mix=mix))


def _tuple(vector: Iterable[float], places: int = 0) -> str:
    return f"({', '.join(numbers.decimals(float(value), places) for value in vector)})"


def _factor(value: float) -> str:
    shown = numbers.decimals(value, 0)
    return f"({shown})" if value < 0 else shown


MOST = 4  # words of the longest context
NAMED = 3  # next words that are named


@dataclass(frozen=True)
class Followed:
    """The end of the sentence's context, how often it occurs in the training text, and what follows it there."""

    words: str
    times: int
    by: list[str]

    @classmethod
    def of(cls, data: ReportData, scene: Scene) -> list[Self]:
        """Return the longest end that occurs, of at most ``MOST`` words, and the one that is a word shorter."""
        found: list[Self] = []
        train = data.run.tokens[data.main_tokens].train
        context = train.vocabulary.ids([str(token) for token in scene.found["tokens"][:-1]])
        for length in range(min(MOST, len(context)), 0, -1):
            after = next_of(train, context[-length:])
            if not len(after):
                continue
            ids, counts = np.unique(after, return_counts=True)
            order = np.lexsort((ids, -counts))[:NAMED]
            parts = [f"“{visible(train.vocabulary[int(ids[i])])}” ({numbers.count(int(counts[i]))})" for i in order]
            others = len(after) - int(counts[order].sum())
            if others:
                parts.append(f"other words ({numbers.count(others)})")
            found.append(cls(" ".join(scene.tokens[-1 - length : -1]), len(after), parts))
        return found[:2]


def next_of(text: Encoded, context: IntArray) -> IntArray:
    """(n,) the ids that follow a context (k,) in a text, if they are in the same document."""
    size = len(context)
    at = np.arange(size, len(text))
    for back, token in enumerate(context[::-1].tolist(), 1):
        at = at[text.ids[at - back] == token]
    at = at[text.context_starts(at) <= at - size]
    found: IntArray = text.ids[at]
    return found


SAME = 0.05  # bits: a smaller change is shown as 0.0
NETWORK = ("cell", "width", "hidden", "layers", "spelling")  # hyper-parameters that make a recurrent network
LIMITS = {"counts": COUNTS, "gain": GAIN, "bits": MOST_BITS, "far": FAR, "far_change": FAR_CHANGE}  # that are told
FUTURE = "later words change no earlier score"  # the check that a model without its mask would fail


@dataclass(frozen=True)
class Shuffle:
    """The guesses of all scenes' models for the sentence with its last words in another order.

    Parameters
    ----------
    tokens : tuple of str
        The words in this order, without the guessed one.
    moved : int
        How many of the last words have changed places.
    guesses : tuple
        By scene, its most likely word with the probability, before and after, and its bits after.
    same, changed : list of str
        The models whose bits stay the same, and the others with the change.
    """

    tokens: tuple[str, ...]
    moved: int
    guesses: tuple[tuple[tuple[str, float], tuple[str, float], float], ...]
    same: list[str]
    changed: list[str]

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> Self:
        """Return the guesses of these scenes' models."""
        found = [scene.found["shuffled"] for scene in scenes]
        changes = {spoken(s.model.title): float(each["bits"]) - s.bits for s, each in zip(scenes, found, strict=True)}
        same = [title for title, change in changes.items() if abs(change) < SAME]
        before, now = scenes[0].found["tokens"][:-1], found[0]["tokens"][:-1]
        return cls(
            tuple(visible(str(token)) for token in now),
            sum(a != b for a, b in zip(before, now, strict=True)),
            tuple(
                (scene.next[0], likely(each)[0], float(each["bits"]))
                for scene, each in zip(scenes, found, strict=True)
            ),
            same,
            [f"{title} ({numbers.signed(change, 1)})" for title, change in changes.items() if title not in same],
        )


@dataclass(frozen=True)
class Unmasked:
    """The laboratory's figures of a transformer without its mask: its claim, its honest figure, and that with the
    mask.

    All are in bits per byte, and contain ``floor``, which no model can save.
    """

    found: StoredFindings
    claimed: float
    honest: float
    masked: float
    floor: float

    @classmethod
    def of(cls, found: StoredFindings) -> Self | None:
        """Return these figures; None for findings that do not have them."""
        rows = {row.name: row for table in found.tables for row in table.rows}
        honest, claimed = rows.get("No mask, honestly"), rows.get("No mask, its claim")
        if honest is None or claimed is None or honest.figure is None or claimed.figure is None:
            return None
        return cls(found, claimed.figure, honest.figure, honest.figure - honest.amount, found.tables[0].floor)


@cache
def outlines() -> list[dict[str, Any]]:
    """Return the scenes as ``story.toml`` has them."""
    table = tomllib.loads(files("lmcompare.studies.story").joinpath("story.toml").read_text("utf-8"))
    scenes: list[dict[str, Any]] = table["scene"]
    return scenes


def build(data: ReportData) -> Section | None:
    """Return the section; None unless two models of the story with the same tokens have guessed a sentence."""
    if not data.main_tokens:
        return None
    told: list[tuple[dict[str, Any], Model]] = []
    for outline, model in with_models(data):
        before, changed = told[-1][1] if told else None, outline.get("after", {})
        after = (changed.get(before.entry.plugin) or changed.get(told[-1][0].get("shows"), {})) if before else {}
        if before is None or not same_network(before, model):
            after = {key: value for key, value in after.items() if key != "adds"}
        told.append((outline | after | outline.get("of", {}).get(model.entry.plugin, {}), model))
    rows = {row.name: row for row in data.rows}
    whole = [rows[model.name].compared or 0.0 for _, model in told]
    guesses = [_by_place(model) for _, model in told]
    key = running_sentence(guesses, whole)
    if len(told) < 2 or key is None:
        return None
    sums = sentence_bits(data, [model for _, model in told])
    scenes: list[Scene] = []
    for at, ((outline, model), found) in enumerate(zip(told, guesses, strict=True)):
        difference = data.comparison.difference(model.name, told[at - 1][1].name) if at else None
        scenes.append(
            Scene(
                outline["title"],
                " ".join(outline["text"].split()),
                outline.get("shows", ""),
                model,
                rows[model.name],
                found[key],
                by_distance([one["replaced"] for one in found.values()]),
                float(np.mean([one["swapped"] for one in found.values()])),
                scenes[-1] if at else None,
                float((sums[at] < sums[at - 1]).mean()) if at else 0.0,
                difference is not None and difference.significant,
                data.ideas.get(outline.get("idea", "")),
                outline.get("adds", ""),
                None if "adds" in outline else Loss.of(outline.get("lost", {}), model, data),
                outline.get("then", {}),
                data.ideas.get(outline.get("whole", "")),
                even(outline.get("reach", ""), model),
                outline.get("compared", ""),
            )
        )
    table = next((at for at, (outline, _) in enumerate(told) if "table" in outline), None)
    looks = all_of(scenes, guesses, table)
    last = next(reversed(looks.values()), None)
    looking = next((scene.model for scene in reversed(scenes) if scene.looked_at), None)
    return Section.written(
        "story",
        "From counting to attention",
        __package__,
        scenes=scenes,
        calculations={model.name: SmallExample.of(o["small"]) for o, model in told if o.get("small")},
        counting=None if table is None else scenes[table],
        looks=looks,
        first_look=next(iter(looks.values()), None),
        mask=mask(scenes[0].tokens[:-1], last),
        shuffle=Shuffle.of(scenes),
        unseen=Unseen.of(scenes, guesses, table, data),
        far_back=FarBack.of(scenes, guesses, table),
        unmasked=_unmasked(data),
        laboratory=any(those for those, _ in data.findings),
        candidates=len(guesses[0]),
        bytes_per_token=_bytes_per_token(data),
        with_heads=next((scene.model for scene in scenes if scene.looked_at and not scene.then), None),
        looking=looking,
        window=(looking.cell.info.get("hyperparameters") or {}).get("window") if looking else None,
        senses=any((model.cell.measured("contexts") or {}).get("senses") for model in data.scored),
        attends=any("attention" in scene.title.lower() for scene in scenes),
        passed=_passed([scene.model for scene in scenes]),
        same=all(in_order([scene.bits for scene in scenes], whole)),
        share=float(np.all(in_order(sums, whole), axis=0).mean()),
        sentences=len(sums[0]),
        followed=[] if table is None else Followed.of(data, scenes[table]),
        full=max(COUNTS, *(max(scene.replaced, default=0.0) for scene in scenes)),
        highest=max(whole),
        stateless=next((scene for scene in scenes if scene.looked_at and scene.shows != "fading"), None),
        unranked=data.unranked,
        strip=strip,
        times=times,
        limits=LIMITS,
    )


def _bytes_per_token(data: ReportData) -> float:
    """Return how many bytes of the test text a token stands for on average."""
    tokens = data.run.manifest.tokens[data.main_tokens].tokens["test"]
    return data.run.corpus.splits["test"].bytes / max(1, tokens)


def mask(tokens: Sequence[str], look: Looking | None) -> tuple[list[str], list[list[float | None]]]:
    """Return the words, and the weight that each word gives each other word: None if the mask hides it.

    Without a look, these are ``tokens``, and words that may be seen have the weight 0.
    """
    if look is None:
        return list(tokens), [[0.0 if j <= i else None for j in range(len(tokens))] for i in range(len(tokens))]
    # the first word that looks is the beginning of the text
    rows, words = look.looked.stored["map"], look.scene.tokens[:-1]
    return words if len(rows) == len(words) else ["<s>", *words], rows


def with_models(data: ReportData) -> list[tuple[dict[str, Any], Model]]:
    """Return the scenes that the run has models for, each with the best model of the first plug-in that has any.

    A model with the same network as in the next scene goes before better models: only it shows what the scene adds.
    """
    found: list[tuple[dict[str, Any], Model]] = []
    for outline in reversed(outlines()):
        models = next(filter(None, (_with_guesses(plugin, data) for plugin in outline["plugins"])), [])
        alike = [model for model in models if found and same_network(model, found[-1][1])]
        found += [(outline, model) for model in (alike or models)[:1]]
    return found[::-1]


def same_network(before: Model, model: Model) -> bool:
    """Return whether two models have the same recurrent network, apart from the part that one of them adds."""
    own, other = (each.cell.info.get("hyperparameters") or {} for each in (before, model))
    return "cell" in own and all(own.get(name) == other.get(name) for name in NETWORK)


def running_sentence(
    found: Sequence[Mapping[tuple[int, int], Mapping[str, Any]]], whole: Sequence[float]
) -> tuple[int, int] | None:
    """Return the sentence whose last word puts the models most nearly into the order of the whole text.

    Among several, it is the one on which the best model gains most over the first.

    Parameters
    ----------
    found : sequence of mappings
        The guesses of each model by sentence.
    whole : sequence of float
        The figure of each model on the whole text.

    Returns
    -------
    tuple or None
        The sentence; None if the models have none in common.
    """
    shared = [key for key in (found[0] if found else ()) if all(key in other for other in found)]

    def fitting(key: tuple[int, int]) -> tuple[int, float]:
        bits = [one[key]["bits"] for one in found]
        return int(np.sum(in_order(bits, whole))), bits[0] - min(bits)

    return max(shared, key=fitting, default=None)


def in_order(bits: Sequence[Any], whole: Sequence[float]) -> list[Any]:
    """Return for each pair of models whether their bits (or arrays of bits) are in the order of the whole text."""
    pairs = combinations(range(len(whole)), 2)
    return [bits[a] < bits[b] if whole[a] < whole[b] else bits[b] < bits[a] for a, b in pairs]


def sentence_bits(data: ReportData, models: Sequence[Model]) -> list[Array]:
    """(models, sentences) the bits that each model needs for each sentence of the test text."""
    begins = data.run.tokens[data.main_tokens].sentence_starts("test")
    found = []
    for model in models:
        found.append(np.add.reduceat(-model.cell.log_probs("test"), begins) / np.log(2))
    return found


def _with_guesses(plugin: str, data: ReportData) -> list[Model]:
    """Return the models of a plug-in that have guesses and the tokens of most models, the best first."""
    models = (model for model, _ in data.ranking if model.entry.tokens_fingerprint == data.main_tokens)
    return [model for model in models if model.entry.plugin == plugin and _by_place(model)]


def _by_place(model: Model) -> dict[tuple[int, int], Mapping[str, Any]]:
    return {(one["document"], one["first"]): one for one in model.cell.measured("story") or ()}


def by_distance(replaced: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean at each distance from the end, the last place first, as far back as at least half of the lists
    reach.
    """
    reach = int(np.median([len(each) for each in replaced]))
    return [float(np.mean([each[-k] for each in replaced if len(each) >= k])) for k in range(1, reach + 1)]


def _unmasked(data: ReportData) -> Unmasked | None:
    """Return the finding on the mask, if the folder of a run has it on its text."""
    found = (each for those, _ in data.findings for each in those if each.name == "mask")
    return next(filter(None, map(Unmasked.of, found)), None)


def _passed(models: Sequence[Model]) -> int:
    """Return how many models passed the check that later words do not change earlier guesses."""
    return sum(
        any(check["name"] == FUTURE and check["passed"] for check in model.cell.truth.get("checks", ()))
        for model in models
    )
