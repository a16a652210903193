"""What would happen without the mask? What networks pretend that see what they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lmcompare.analysis.metrics import LN2
from lmcompare.exhibits import Heatmap
from lmcompare.lab import Condition, Figures, Findings, LabExperiment
from lmcompare.lab.bench import Bench, distributions, log_probs_one_by_one
from lmcompare.lab.contrasts import Contrast, Measured, contrasts
from lmcompare.lab.experiments.ideas import BASE, NO_MASK
from lmcompare.model import LanguageModel
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array
from lmcompare.tokens import Encoded, IntArray

TEXTBOOK = Condition(
    "encoder-decoder that sees its chunk",
    "lmcompare.lab.changes:TextbookEncoderDecoder",
    inputs="the encoder reads the words that the decoder predicts",
)
CHEATS = {NO_MASK.name: "No mask", TEXTBOOK.name: "Encoder that reads the answer"}
CLAIMING = {"without the mask": NO_MASK, "the encoder-decoder": TEXTBOOK}
SAYINGS = {
    NO_MASK.name: "The transformer without the causal mask.",
    TEXTBOOK.name: "An encoder-decoder whose encoder reads the words that its decoder predicts.",
}
PRETENCE, LOSS = 0.5, 0.5  # bits per byte of the prediction
LOSES = f"Asked honestly, {{}} needs at least {LOSS} bits per byte more than the transformer with the mask"
TOLERANCE = 1e-3  # nats
POSITIONS = 400
SHOWN = range(8, 15)  # tokens of the sentence that is shown
TRIED = 50  # sentences of such a length from which one is chosen


class Mask(LabExperiment):
    """Honest figures beside the figures that a network without the mask would report."""

    title = "What the mask prevents"
    question = "What would happen without the causal mask?"
    prediction = (
        "Without the mask, and in an encoder-decoder that reads what it predicts, a network pretends to need less"
        " than 0.5 bits per byte. Asked honestly, where the words to predict are not there to see, both need more"
        " than the transformer with the mask, by at least 0.5 bits per byte."
    )
    measuring = 0.05
    conditions = (BASE, NO_MASK, TEXTBOOK)

    def measure(self, bench: Bench) -> Findings:
        """Score each condition as it scores itself, and with everything that follows cut off."""
        sample = bench.sample(POSITIONS)
        contexts = list(sample.contexts())
        pretended: dict[str, Measured] = {}
        honest: dict[str, Measured] = {}
        for condition in bench.each(self.conditions):
            pretended[condition.name] = sample.bits([nats[sample.at] for nats in bench.log_probs(condition)])
            honest[condition.name] = sample.bits(
                [log_probs_one_by_one(model, sample, contexts) for model in bench.models(condition)]
            )
        models = {condition.name: bench.model(condition) for condition in self.conditions}
        sentence = _sentence(bench, [models[name] for name in CHEATS])
        base = honest[BASE.name]
        asked_honestly = contrasts(base, {name: honest[name] for name in CHEATS}, sample.sizes)
        of_itself = contrasts(base, {name: pretended[name] for name in CHEATS}, sample.sizes)
        rows = []
        for condition in CLAIMING.values():
            name = condition.name
            rows += [
                replace(asked_honestly[name], saying=SAYINGS[name], name=f"{CHEATS[name]}, honestly"),
                replace(
                    of_itself[name],
                    name=f"{CHEATS[name]}, its claim",
                    p_holm=None,
                    remark=_failure(bench, condition, models[name], sentence),
                ),
            ]
        whole = {name: bench.bits(condition).figure(bench.unit_bytes) for name, condition in CLAIMING.items()}
        claims = numbers.listed([f"{numbers.bits_per_byte(figure)} ({name})" for name, figure in whole.items()])
        floor = float(sample.overhead.sum() / sample.sizes.sum())
        table = Figures(
            title="What networks without the mask claim, and what they need when they are asked honestly",
            rows=tuple(rows),
            unit="bits per byte",
            note=(
                f"{len(sample):,} positions of the test text, drawn at random. On all of it the claims are {claims}."
                " Its claim: the score that the network gives when it reads the whole text. Honestly: the"
                " text ends before the word to predict; the chart shows these figures. The transformer with the mask"
                f" needs {numbers.bits_per_byte(base.figure(sample.sizes))} bits per byte when it is asked honestly,"
                f" and claims {numbers.bits_per_byte(pretended[BASE.name].figure(sample.sizes))}. All figures"
                f" contain {numbers.bits_per_byte(floor)} bits per byte for spelling unknown words, which no network"
                " can save."
            ),
            row_name="Network",
            figure_name="bits per byte in all",
            floor=floor,
        )
        loses = {name: each.above(LOSS) for name, each in asked_honestly.items()}
        return Findings(
            verdict=_verdict(asked_honestly, of_itself),
            claims={
                f"Both claim to need less than {PRETENCE} bits per byte, on the whole test text.": max(whole.values())
                < PRETENCE,
                f"{LOSES.format('the transformer without the mask')}.": loses[NO_MASK.name],
                f"{LOSES.format('the encoder-decoder')}.": loses[TEXTBOOK.name],
            },
            tables=(table,),
            exhibits=(_shown(bench, models, sentence),),
        )


def _verdict(honest: Mapping[str, Contrast], pretended: Mapping[str, Contrast]) -> str:
    without, textbook = (
        [numbers.bits_per_byte(each[name].figure) for each in (pretended, honest)]
        for name in (NO_MASK.name, TEXTBOOK.name)
    )
    base = honest[NO_MASK.name].baseline
    cheats = pretended[NO_MASK.name].level < base < honest[NO_MASK.name].level
    answer = (
        "Without the mask, a network copies the next word instead of learning to guess it, so it looks far better"
        " than it is. "
        if cheats
        else ""
    )
    return (
        f"{answer}Without the mask, the transformer claims {without[0]} bits per byte; asked honestly, it needs"
        f" {without[1]}."
        f" An encoder-decoder that reads what it predicts claims {textbook[0]} and needs {textbook[1]}. The"
        f" transformer with the mask needs {numbers.bits_per_byte(base)}."
    )


def _sentence(bench: Bench, models: Sequence[LanguageModel]) -> IntArray:
    """Return the tokens of a validation sentence of a length that can be shown, or of the longest one.

    If possible, it is one in which the probability of a word depends on a later word, for each of the models.
    """
    text = bench.corpus.valid
    starts = bench.corpus.sentence_starts("valid")
    lengths = np.diff(np.append(starts, len(text)))
    fitting = np.flatnonzero(np.isin(lengths, SHOWN))
    tried = fitting[:TRIED].tolist() or [int(np.argmax(lengths))]
    sentences = [text.ids[starts[i] :][: min(int(lengths[i]), SHOWN.stop - 1)] for i in tried]
    return next((s for s in sentences if all(_changes(bench, model, s)[1].any() for model in models)), sentences[0])


def _changes(bench: Bench, model: LanguageModel, sentence: IntArray) -> tuple[Array, Array]:
    """Return by how many nats the scores of words change if the last but one is another word, and which ones change.

    The last token is only predicted, and no network reads it.
    """
    vocabulary = bench.corpus.vocabulary
    altered = sentence.copy()
    altered[-2] = next(i for i in np.argsort(-vocabulary.counts).tolist() if i not in sentence)
    before, after = (model.log_probs(Encoded.from_documents([ids], vocabulary))[:-2] for ids in (sentence, altered))
    by = np.abs(before - after)
    return by, by > TOLERANCE


def _failure(bench: Bench, condition: Condition, model: LanguageModel, sentence: IntArray) -> str:
    """Return which check a network fails, and the first token of a sentence that depends on a later word."""
    vocabulary = bench.corpus.vocabulary
    by, found = _changes(bench, model, sentence)
    depends = np.flatnonzero(found)
    names = [str(check["name"]) for check in bench.entry(condition).failed_checks]
    names.sort(key=lambda name: "later" not in name)  # the check that says it most plainly
    failed = f"It fails the validity check “{names[0]}”. " if names else "It declares that it is not causal. "
    if not len(depends):
        return (
            f"{failed}The sentence shown can't tell this: whatever comes later, the network gives nearly all of the"
            " probability to the words that it has read."
        )
    first = int(depends[0])
    later, word = (vocabulary.tokens[sentence[at]] for at in (-2, first))
    return (
        f"{failed}In the sentence shown, another word in place of “{later}” changes the probability of “{word}”, word"
        f" {first + 1}, by {by[first]:.2g} nats. Without seeing that word, it could not."
    )


def _shown(bench: Bench, models: Mapping[str, LanguageModel], sentence: IntArray) -> Heatmap:
    """Return the surprisal of each word of a sentence, by each network's own account and asked honestly."""
    text = Encoded.from_documents([sentence], bench.corpus.vocabulary)
    prefixes = [sentence[:i] for i in range(len(sentence))]
    rows: dict[str, Array] = {"With mask": models[BASE.name].log_probs(text)}
    for name, title in CHEATS.items():
        honest = [
            row[i] for row, i in zip(distributions(models[name], prefixes, text), sentence.tolist(), strict=True)
        ]
        rows[f"{title}, claim"] = models[name].log_probs(text)
        rows[f"{title}, honest"] = np.array(honest)
    return Heatmap(
        title="Surprisal in bits, word by word",
        note=(
            "What a network without the mask claims to know is the word itself, which it has read. Where the text"
            " ends before the word, it guesses badly, because it has never learnt to predict."
        ),
        rows=tuple(rows),
        columns=tuple(bench.corpus.vocabulary.tokens[i] for i in sentence.tolist()),
        panels=("surprisal",),
        values=(tuple(tuple(float(-nats / LN2) for nats in row) for row in rows.values()),),
        row_axis="network",
        column_axis="word to predict",
    )
