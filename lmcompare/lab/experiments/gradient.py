"""How can there be a gradient through attention? By hand, in a trained model, and over a whole training.

Source of the gradient: the chain rule through softmax(q · k / √d) (Vaswani et al. 2017, equation 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from scipy.special import softmax
from torch import Tensor

from lmcompare.exhibits import Curve, Exhibit, Heatmap, TrainingFilm, WorkedEquation
from lmcompare.lab import Figures, Findings, LabExperiment, Row
from lmcompare.lab.bench import Bench
from lmcompare.lab.experiments.ideas import BASE
from lmcompare.lab.film import KINDS, Film, FilmedTransformer
from lmcompare.model import LanguageModel
from lmcompare.models.transformer.network import TransformerNetwork
from lmcompare.models.transformer.plugin import Transformer
from lmcompare.render import numbers
from lmcompare.runfolder.files import Array

SCORES = "queries and keys"  # the matrices that set the scores of attention
TOLERANCE = 1e-10
BY_HAND = "Every product, by hand"
SMALL = 0.1  # share of the prediction
LATE = 0.25  # the last share of the training, in which gradients are compared

# A head of attention with two numbers a vector, over four tokens, and two words to choose from
WORDS = ("the", "cat", "sat", "on")
QUERY = np.array([1.0, 2.0])
KEYS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 1.0]])
VALUES = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [2.0, -1.0]])
OUTPUT = np.array([[1.0, 0.0], [0.0, 1.0]])  # the vectors of the two words in the softmax
TARGET = 1
EXAMPLE = (QUERY, KEYS, VALUES, OUTPUT, TARGET)


class Gradient(LabExperiment):
    """The gradient through attention, and where it goes during a training."""

    title = "The gradient through attention"
    question = "How can attention be learnt: what does the gradient do to its scores?"
    prediction = (
        "The formula dL/ds_j = a_j (g · v_j - Σ_k a_k g · v_k) agrees with automatic differentiation to 1e-10, by"
        " hand and in the trained model. Little of the gradient reaches queries and keys: less than a tenth of its"
        " squared norm, in the last quarter of the training."
    )
    conditions = (BASE,)

    def measure(self, bench: Bench) -> Findings:
        """Work the gradient out on four tokens, then in the trained model, then over the training."""
        steps = by_hand(*EXAMPLE)
        truth = by_autograd(*EXAMPLE)
        own = steps.by_score, steps.by_query, steps.by_keys, steps.by_values
        worked = max(float(np.abs(a - b).max()) for a, b in zip(own, truth, strict=True))
        films = [model.film for model in bench.models(BASE) if isinstance(model, FilmedTransformer) and model.film]
        film = films[0]
        tokens = bench.corpus.vocabulary.tokens
        trained = _most_telling(bench, np.array(film.sentence))
        shares = gradient_shares(films)
        interval = " The interval is over trainings." if len(films) > 1 else ""
        table = Figures(
            title="Where the gradient goes",
            rows=tuple(_row(kind, each) for kind, each in shares.items()),
            unit="share of the squared norm",
            differences=False,
            note=(
                "The share of each kind of matrix in the squared norm of the gradient, over the last quarter of the"
                f" training.{interval}"
            ),
            row_name="Matrices",
        )
        means = {kind: float(np.mean(each)) for kind, each in shares.items()}
        part, largest = means[SCORES], max(means, key=lambda kind: means[kind])
        return Findings(
            verdict=(
                "Training raises the score of a word whose value lowers the loss more than the average value does,"
                " and lowers the scores of the others. The larger the word's weight, the larger the change. This is"
                " possible because attention does not pick one word: the softmax gives every word a weight, so that a"
                " small change of a score changes all weights a little, and the loss with them. The value of a word"
                " changes in proportion to its weight. The formulas for this and automatic differentiation agree to"
                f" {numbers.scientific(max(worked, trained.deviation))}. Of the squared norm of the gradient,"
                f" {numbers.percent(part, 0)} belongs to {SCORES}, and most, {numbers.percent(means[largest], 0)}, to"
                f" {largest}."
            ),
            claims={
                "The formula agrees with automatic differentiation to 1e-10.": (
                    max(worked, trained.deviation) < TOLERANCE
                ),
                "Queries and keys get less than a tenth of the squared norm of the gradient.": part < SMALL,
            },
            tables=(table,),
            exhibits=(*_worked(steps), _would_change(trained), _norms(film), *_film(film, tokens, _right(bench))),
        )


def _most_telling(bench: Bench, sentence: Array) -> Learning:
    """Return the word of a sentence whose prediction would change the scores most, among those made of letters."""
    tokens = bench.corpus.vocabulary.tokens
    words = [i for i in range(2, len(sentence)) if tokens[sentence[i]].isalpha()] or [len(sentence) - 1]
    model = bench.model(BASE)
    found = [learning(model, sentence[: i + 1], tokens) for i in words]
    return max(found, key=lambda each: float(np.abs(each.by_score).max()))


def gradient_shares(films: Sequence[Film]) -> dict[str, Array]:
    """Return by kind of matrix its share in the squared norm of the gradient late in each of S trainings, (S,)."""
    late = [
        {kind: np.array(norms)[-max(1, int(LATE * len(norms))) :] for kind, norms in f.norms.items()} for f in films
    ]
    squares = [{kind: float(np.mean(norms**2)) for kind, norms in each.items()} for each in late]
    shares = {kind: np.array([each[kind] / sum(each.values()) for each in squares]) for kind in KINDS}
    together = {SCORES: shares.pop("queries") + shares.pop("keys")}
    return together | shares


def _row(kind: str, shares: Array) -> Row:
    """Return the mean of S trainings with its 95 % interval by Student's t."""
    mean = float(shares.mean())
    if len(shares) < 2:
        return Row(kind, value=mean)
    half = float(stats.t.ppf(0.975, len(shares) - 1) * shares.std(ddof=1) / math.sqrt(len(shares)))
    return Row(kind, value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half))


def _worked(steps: Steps) -> list[Exhibit]:
    """Return the gradient on four tokens with every product."""
    n = range(len(WORDS))
    forward = WorkedEquation(
        title="Forward, on four tokens",
        note="A head whose vectors have two numbers: one query looks at four tokens, and two words can follow.",
        equation=r"s_j = \frac{q \cdot k_j}{\sqrt{2}}, \quad a = \mathrm{softmax}(s), \quad o = \sum_j a_j v_j",
        numbers=BY_HAND,
        saying="Each token's key is compared with the query; the softmax turns the scores into weights.",
        lines=(
            *((f"q · k of {WORDS[j]}: {_product(QUERY, KEYS[j])}, divided by √2", float(steps.scores[j])) for j in n),
            *((f"weight of {WORDS[j]}: {_softmax(steps.scores, j)}", float(steps.weights[j])) for j in n),
            *(
                (f"output, number {i + 1}: {_product(steps.weights, VALUES[:, i])}", float(steps.output[i]))
                for i in range(2)
            ),
            (
                f"P of the second word, which follows; the outputs are the logits: {_softmax(steps.output, TARGET)}",
                float(steps.chances[TARGET]),
            ),
            ("L = -ln P, the loss in nats", steps.loss),
        ),
    )
    backward = WorkedEquation(
        title="Backward, on four tokens",
        note="Gradient descent moves each score against the sign of its gradient.",
        equation=r"\frac{\partial L}{\partial s_j} = a_j \Big( g \cdot v_j - \sum_k a_k\, g \cdot v_k \Big), \quad"
        r" g = \frac{\partial L}{\partial o}",
        numbers=BY_HAND,
        saying=(
            "A value that points against g more than the mix does lowers the loss: its score goes up. The"
            " gradients of all scores sum to zero, because the weights must sum to one. From each score the gradient"
            " goes on to q and k, and so to the matrices that make them. The gradient of a value is g times the"
            " weight of the value."
        ),
        lines=(
            *((f"g, number {i + 1}: {_chance(steps, i)}", float(steps.g[i])) for i in range(2)),
            *((f"g · v of {WORDS[j]}: {_product(steps.g, VALUES[j])}", float(steps.pulls[j])) for j in n),
            ("Σ a (g · v), the average", steps.mean),
            *((f"gradient of the score of {WORDS[j]}", float(steps.by_score[j])) for j in n),
            *((f"gradient of q, number {i + 1}: Σ dL/ds · k / √2", float(steps.by_query[i])) for i in range(2)),
            *(
                (f"gradient of the key of {WORDS[j]}, number {i + 1}: dL/ds · q / √2", float(steps.by_keys[j, i]))
                for j in n
                for i in range(2)
            ),
            *(
                (f"gradient of the value of {WORDS[j]}, number {i + 1}: a · g", float(steps.by_values[j, i]))
                for j in n
                for i in range(2)
            ),
        ),
    )
    return [forward, backward, _one_step(steps)]


def _one_step(steps: Steps) -> WorkedEquation:
    """Return a step of descent with rate 1 on the scores alone: the new weights, and the loss after it."""
    scores = steps.scores - steps.by_score
    weights = softmax(scores)
    chances = softmax(OUTPUT @ (weights @ VALUES))
    n, before = range(len(WORDS)), [numbers.tidy(float(weight)) for weight in steps.weights]
    return WorkedEquation(
        title="One step, on four tokens",
        note="A step of gradient descent with the learning rate 1 that changes the scores alone.",
        equation=r"s_j \leftarrow s_j - \frac{\partial L}{\partial s_j}",
        numbers=BY_HAND,
        saying=(
            "The words whose values help get more weight than before, and the loss falls. The values of “cat” and"
            " “sat” help equally; the score of “sat” moves twice as much, because its weight is twice as large."
        ),
        lines=(
            *((f"score of {WORDS[j]}: {_less(steps.scores[j], steps.by_score[j])}", float(scores[j])) for j in n),
            *((f"weight of {WORDS[j]}, before {before[j]}", float(weights[j])) for j in n),
            (f"P of the second word, before {numbers.tidy(float(steps.chances[TARGET]))}", float(chances[TARGET])),
            (f"L, before {numbers.tidy(steps.loss)}", -math.log(chances[TARGET])),
        ),
    )


def _less(one: float, other: float) -> str:
    """Return a difference written out: 2.12 - (-0.0728)."""
    taken = numbers.tidy(float(other))
    return f"{numbers.tidy(float(one))} - {f'({taken})' if other < 0 else taken}"


def _softmax(logits: Array, at: int) -> str:
    """Return a softmax written out: e^1 / (e^1 + e^2)."""
    powers = [f"e^{numbers.tidy(float(logit))}" for logit in logits]
    return f"{powers[at]} / ({' + '.join(powers)})"


def _chance(steps: Steps, word: int) -> str:
    """Return how the derivative of the loss by the logit of a word is computed."""
    less = " - 1, since it follows" if word == TARGET else ""
    return f"probability of word {word + 1}, {numbers.tidy(float(steps.chances[word]))}{less}"


def _product(one: Array, other: Array) -> str:
    """Return a scalar product written out: 1 · 0 + 2 · 1."""
    return " + ".join(f"{numbers.tidy(float(a))} · {numbers.tidy(float(b))}" for a, b in zip(one, other, strict=True))


def _would_change(found: Learning) -> Heatmap:
    return Heatmap(
        title=f"Which scores would go up when “{found.target}” is to be predicted, in the trained model",
        note=(
            "The change of each score in a small step of descent: the negative gradient. A head moves its weight from"
            " the words in blue to the others. Each row sums to zero."
        ),
        rows=found.heads,
        columns=found.words,
        panels=("change of the score",),
        values=(tuple(tuple(float(-value) for value in row) for row in found.by_score),),
        row_axis="head",
        column_axis="word that is looked at",
    )


def _norms(film: Film) -> Curve:
    return Curve(
        title="The gradient during the training",
        note="The norm of the gradient of each kind of matrix, before it is clipped.",
        names=tuple(film.norms),
        x=tuple(tuple(map(float, film.norm_steps)) for _ in film.norms),
        y=tuple(tuple(line) for line in film.norms.values()),
        x_axis="step",
        y_axis="norm of the gradient",
    )


def _right(bench: Bench) -> float:
    """Return the share of the tokens of the test text that the baseline's first guess gets right."""
    ranks = [cell.scores("test", ["target_rank"])["target_rank"].to_numpy() for cell in bench.entry(BASE).done]
    ranked = np.concatenate([each[each > 0] for each in ranks])
    return float(np.mean(ranked == 1)) if len(ranked) else 0.0


def _film(film: Film, tokens: Sequence[str], right: float) -> list[Exhibit]:
    """Return what was filmed: the attention of the head that changed most, the word map and the next word.

    ``right``: the share of the first guesses that are right.
    """
    maps = np.array(film.maps)  # (F, layers, heads, T, T)
    moved = np.abs(maps[-1] - maps[0]).sum(axis=(-1, -2))
    layer, head = np.unravel_index(int(np.argmax(moved)), moved.shape)
    labels = ("<s>", *(tokens[i] for i in film.sentence[:-1]))
    after, follows = " ".join(labels[1:]), tokens[film.sentence[-1]]
    order = sorted(range(len(film.likely)), key=lambda k: -film.next[-1][k])
    likely = tuple(tokens[film.likely[k]] for k in order)
    here = "right" if likely[0] == follows else "wrong"
    outcome = (
        f"“{follows}” follows, so the first guess, “{likely[0]}”, is {here} here; it is right for"
        f" {numbers.percent(right, 0)} of the tokens of the test text."
    )
    chances = [tuple(float(row[k]) for k in order) for row in film.next]  # F, K
    return [
        TrainingFilm(
            title="How a network learns to look and to guess",
            note=(
                f"The attention of layer {layer + 1}, head {head + 1}, the head that changed most; the most frequent"
                " words, in the plane in which their vectors differ most at the end; and the probabilities of the"
                f" next word after “{after}”. {outcome}"
            ),
            moments=tuple(f"step {numbers.count(step)}" for step in film.steps),
            tokens=labels,
            weights=tuple(map(_causal, maps[:, layer, head].clip(0, 1))),
            words=tuple(tokens[i] for i in film.words),
            x=tuple(tuple(float(x) for x, _ in frame) for frame in film.vectors),
            y=tuple(tuple(float(y) for _, y in frame) for frame in film.vectors),
            next=likely,
            probabilities=tuple(chances),
            follows=follows,
        ),
        Curve(
            title="The next word during the training",
            note=f"The probability of some words after “{after}”. {outcome}",
            names=likely,
            x=tuple(tuple(step + 1.0 for step in film.steps) for _ in likely),
            y=tuple(zip(*chances, strict=True)),
            x_axis="before step",
            y_axis="probability",
        ),
    ]


def _causal(weights: Array) -> tuple[tuple[float | None, ...], ...]:
    """Return a map of attention (T, T) without what is hidden."""
    return tuple(tuple(float(w) if j <= i else None for j, w in enumerate(row)) for i, row in enumerate(weights))


@dataclass(frozen=True)
class Steps:
    """Attention of one query over n tokens, and the gradient of the loss through it, step by step.

    Parameters
    ----------
    scores, weights : array of shape (n,)
        s_j = q · k_j / √d and a = softmax(s).
    output : array of shape (d,)
        o = Σ_j a_j v_j.
    chances : array of shape (W,)
        p = softmax(U o).
    loss : float
        -log p of the target, in nats.
    g : array of shape (d,)
        dL/do = Uᵀ (p - e), where e is 1 at the target.
    pulls : array of shape (n,)
        g · v_j = dL/da_j.
    mean : float
        Σ_k a_k (g · v_k).
    by_score : array of shape (n,)
        dL/ds_j = a_j (g · v_j - mean).
    by_query : array of shape (d,)
        dL/dq = Σ_j dL/ds_j k_j / √d.
    by_keys : array of shape (n, d)
        dL/dk_j = dL/ds_j q / √d.
    by_values : array of shape (n, d)
        dL/dv_j = a_j g.
    """

    scores: Array
    weights: Array
    output: Array
    chances: Array
    loss: float
    g: Array
    pulls: Array
    mean: float
    by_score: Array
    by_query: Array
    by_keys: Array
    by_values: Array


def by_hand(query: Array, keys: Array, values: Array, output: Array, target: int) -> Steps:
    """Return the gradient through one head of attention by the chain rule, in float64.

    Parameters
    ----------
    query : array of shape (d,)
    keys, values : array of shape (n, d)
    output : array of shape (W, d)
        U, the vectors of W words in the softmax.
    target : int
        The word to predict.
    """
    root = math.sqrt(len(query))
    scores = keys @ query / root
    weights = softmax(scores)
    mixed = weights @ values
    chances = softmax(output @ mixed)
    g = output.T @ (chances - np.eye(len(output))[target])
    pulls = values @ g
    mean = float(weights @ pulls)
    by_score = weights * (pulls - mean)
    return Steps(
        *(scores, weights, mixed, chances, -math.log(chances[target]), g, pulls, mean, by_score),
        by_query=by_score @ keys / root,
        by_keys=np.outer(by_score, query) / root,
        by_values=np.outer(weights, g),
    )


def by_autograd(query: Array, keys: Array, values: Array, output: Array, target: int) -> tuple[Array, ...]:
    """Return dL/ds (n,), dL/dq (d,), dL/dk (n, d) and dL/dv (n, d) as torch computes them, in float64."""
    q, k, v, u = (
        torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in (query, keys, values, output)
    )
    scores = k @ q / math.sqrt(len(query))
    scores.retain_grad()
    loss = -torch.log_softmax(u @ (torch.softmax(scores, 0) @ v), 0)[target]
    loss.backward()  # type: ignore[no-untyped-call]
    grads = [each.grad for each in (scores, q, k, v)]
    return tuple(grad.numpy() for grad in grads if grad is not None)


@dataclass(frozen=True)
class Learning:
    """How the scores of a trained network would change on one sentence.

    Parameters
    ----------
    words : tuple of str
        What was read.
    target : str
        The word to predict.
    heads : tuple of str
    by_score : array of shape (heads, n)
        dL/ds_j of the last position, by the formula.
    deviation : float
        The largest difference from what torch computes.
    """

    words: tuple[str, ...]
    target: str
    heads: tuple[str, ...]
    by_score: Array
    deviation: float


def learning(model: LanguageModel, sentence: Array, tokens: Sequence[str]) -> Learning:
    """Return dL/ds_j = a_j (g · v_j - Σ_k a_k g · v_k) in each head of a trained transformer, in float64.

    Parameters
    ----------
    model : LanguageModel
        A trained transformer.
    sentence : array of int, shape (n + 1,)
        The tokens that are read, and the one to predict.
    tokens : sequence of str
        The vocabulary.
    """
    assert isinstance(model, Transformer)
    network = model.trained_as(TransformerNetwork).double()
    read, target = network.inputs(sentence[:-1]), int(sentence[-1])
    features, _, maps = network.attend(read, None, maps=True)
    logits = features[0, -1] @ network.head.table[: network.head.types].T + network.head.bias
    loss = -torch.log_softmax(logits, 0)[target]
    wanted: list[Tensor] = [each.mixed for each in maps] + [each.scores for each in maps]
    found = [each.detach() for each in torch.autograd.grad(loss, wanted)]
    rows, deviation = [], 0.0
    for layer, each in enumerate(maps):
        g, truth = found[layer][0, :, -1], found[len(maps) + layer][0, :, -1]  # (heads, d / heads), (heads, n)
        weights, value = each.weights.detach()[0, :, -1], each.value.detach()[0]  # (heads, n), (heads, n, d / heads)
        pulls = (value @ g[..., None])[..., 0]  # (heads, n)
        own = weights * (pulls - (weights * pulls).sum(-1, keepdim=True))
        deviation = max(deviation, float((own - truth).abs().max()))
        rows += [row.numpy() for row in own]
    layers = range(1, len(maps) + 1)
    heads = tuple(f"layer {layer}, head {h + 1}" for layer in layers for h in range(network.design.heads))
    words = ("<s>", *(tokens[i] for i in sentence[:-1].tolist()))
    return Learning(words, tokens[target], heads, np.array(rows), deviation)
