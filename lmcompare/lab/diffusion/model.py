"""The diffusion model: a small network that finds the noise in a picture, its training, and how it makes pictures.

The network looks at the words of a prompt. Every pixel has a query of cross-attention, and the words are its keys and
values (Rombach et al. 2022, "High-resolution image synthesis with latent diffusion models", section 3.3)::

    Attention(Q, K, V) = softmax(Q Kᵀ / √d) V,   Q = W_Q picture,   K = W_K words,   V = W_V words

Between two looks at the prompt the pixels are mixed by a dense layer instead of convolutions: at 8 by 8 pixels it is
faster and learns more in the same time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lmcompare.lab.bench import Share
from lmcompare.lab.diffusion.data import (
    LONGEST,
    QUESTIONS,
    Digits,
    Judge,
    Part,
    Prompt,
    PromptSampler,
    TextVectors,
    nearest,
)
from lmcompare.runfolder.files import Array

SIDE = 8  # pixels
PIXELS = SIDE * SIDE
HIDDEN = 256
LOOKS = 2
HEADS, EACH = 2, 8  # heads of cross-attention, and the numbers of each
WORD = 48  # numbers of a word's vector after it has read the other words
TIME, WAVES = 64, 16
STEPS = 100  # T: of the noising
OFFSET, LEAST = 0.008, 1e-4  # of the schedule; the least share of a picture
TOLD = 50  # steps between two reports of progress
_SEEDING = Lock()  # torch draws initial weights from its only global generator


class Reader(nn.Module):
    """The words of a prompt are read together, so that "not" can change what "one" means.

    A dense layer reads all words, each in its place, and its output is added to each of them. It replaces the text
    encoder of Rombach et al.; for three words it is enough.

    Parameters
    ----------
    features : int
        d: the width of the word vectors.
    longest : int
        W: the words of the longest prompt.
    """

    def __init__(self, features: int, longest: int) -> None:
        super().__init__()
        self.enter = nn.Linear(features, WORD)
        self.together = nn.Sequential(nn.Linear(longest * WORD, 256), nn.SiLU(), nn.Linear(256, longest * WORD))

    def forward(self, words: Tensor, there: Tensor) -> Tensor:
        """Return the words in their context, (B, W, d) -> (B, W, WORD); ``there`` (B, W) hides padding."""
        words = self.enter(words) * there[..., None]
        read: Tensor = words + self.together(words.flatten(1)).view_as(words)
        return read


class CrossAttention(nn.Module):
    """Each pixel looks at the words of the prompt; what they read is added to the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.query = nn.Linear(HIDDEN, HEADS * PIXELS * EACH)
        self.key = nn.Linear(WORD, HEADS * EACH, bias=False)
        self.value = nn.Linear(WORD, HEADS * EACH, bias=False)
        self.output = nn.Linear(HEADS * PIXELS * EACH, HIDDEN)

    def forward(self, picture: Tensor, words: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Return the picture (B, HIDDEN) with what its pixels read, and the attention weights (B, H, P, W).

        ``words`` is (B, W, WORD), ``there`` (B, W) says which of them are words and not padding.
        """
        batch = len(picture)
        q = self.query(self.norm(picture)).view(batch, HEADS, PIXELS, EACH)
        k = self.key(words).view(batch, -1, HEADS, EACH).transpose(1, 2)  # (B, H, W, EACH)
        v = self.value(words).view(batch, -1, HEADS, EACH).transpose(1, 2)
        scores = q @ k.mT / math.sqrt(EACH)  # (B, H, P, W)
        weights = scores.masked_fill(~there[:, None, None, :], -math.inf).softmax(-1)
        read = (weights @ v).reshape(batch, -1)  # (B, H, P, EACH) -> (B, H P EACH)
        return picture + self.output(read), weights


class Block(nn.Module):
    """Mixes all pixels, given the time; the sum is added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(HIDDEN)
        self.first, self.second = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.time = nn.Linear(TIME, HIDDEN)

    def forward(self, picture: Tensor, time: Tensor) -> Tensor:
        """Return the picture (B, HIDDEN), given the vector of the time (B, TIME)."""
        changed: Tensor = picture + self.second(functional.silu(self.first(self.norm(picture)) + self.time(time)))
        return changed


class Denoiser(nn.Module):
    """Finds the noise in pictures, given a prompt.

    Parameters
    ----------
    features : int
        d: the width of the word vectors, which stay as they are given.
    longest : int
        The words of the longest prompt.
    """

    def __init__(self, features: int, longest: int) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(features))  # replaces a missing prompt
        self.reader = Reader(features, longest)
        self.time = nn.Sequential(nn.Linear(2 * WAVES, TIME), nn.SiLU(), nn.Linear(TIME, TIME), nn.SiLU())
        self.enter = nn.Linear(PIXELS, HIDDEN)
        self.blocks = nn.ModuleList(Block() for _ in range(LOOKS + 1))
        self.looks = nn.ModuleList(CrossAttention() for _ in range(LOOKS))
        self.norm = nn.LayerNorm(HIDDEN)
        self.leave = nn.Linear(HIDDEN, PIXELS)
        nn.init.zeros_(self.leave.weight)

    def forward(self, noised: Tensor, at: Tensor, words: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Return the velocity of pictures (see ``process``), and at which words each pixel looks.

        Parameters
        ----------
        noised : Tensor, shape (B, P)
        at : Tensor, shape (B,)
            Their steps of the noising, as shares of all steps.
        words : Tensor, shape (B, W, d)
            Word vectors.
        there : Tensor of bool, shape (B, W)
            Which of them are words of the prompt. A prompt without words is "no prompt".

        Returns
        -------
        Tensor, shape (B, P)
        Tensor, shape (B, P, W)
            The attention weights: the mean of all heads and looks.
        """
        empty = ~there.any(1)  # (B,)
        first = torch.where(empty[:, None], self.nothing, words[:, 0])
        there = torch.cat([(there[:, 0] | empty)[:, None], there[:, 1:]], 1)
        words = self.reader(torch.cat([first[:, None], words[:, 1:]], 1), there)
        time = self.time(_waves(at))
        picture, seen = self.enter(noised), []
        for block, look in zip(self.blocks[:-1], self.looks, strict=True):
            picture, weights = look(block(picture, time), words, there)
            seen.append(weights)
        velocity = self.leave(functional.silu(self.norm(self.blocks[-1](picture, time))))
        return velocity, torch.cat(seen, 1).mean(1)


def _waves(at: Tensor) -> Tensor:
    """Return sines and cosines of times from 0 to 1, (B,) -> (B, 2 WAVES), as Vaswani et al. tell positions."""
    angles = at[:, None] * torch.exp(torch.linspace(0, math.log(1_000), WAVES))
    return torch.cat([angles.sin(), angles.cos()], 1)


@dataclass(frozen=True)
class Noise:
    """The schedule of the noise.

    Parameters
    ----------
    kept : Tensor, shape (T,)
        ᾱ_t: the share of the variance of x_t that is the picture's, for t = 1 … T.
    """

    kept: Tensor

    @classmethod
    def cosine(cls, steps: int = STEPS) -> Self:
        """Return the schedule ᾱ_t = cos²(π/2 · (t/T + s) / (1 + s)), over its value at t = 0, with s = 0.008."""
        at = torch.arange(steps + 1, dtype=torch.float64) / steps
        curve = torch.cos(math.pi / 2 * (at + OFFSET) / (1 + OFFSET)) ** 2
        return cls((curve[1:] / curve[0]).clamp(min=LEAST).float())

    def __len__(self) -> int:
        return len(self.kept)

    def noised(self, pictures: Tensor, at: Tensor, noise: Tensor) -> Tensor:
        """Return x_t of pictures (B, P) at steps (B,), counted from 0, with standard normal noise (B, P)."""
        kept = self.kept[at][:, None]  # (B, 1)
        return kept.sqrt() * pictures + (1 - kept).sqrt() * noise

    def velocity(self, pictures: Tensor, at: Tensor, noise: Tensor) -> Tensor:
        """Return v = √ᾱ_t ε - √(1 - ᾱ_t) x_0 (B, P), which the network learns, of pictures and their noise (B, P)."""
        kept = self.kept[at][:, None]  # (B, 1)
        return kept.sqrt() * noise - (1 - kept).sqrt() * pictures

    def clean(self, noised: Tensor, at: int, velocity: Tensor) -> Tensor:
        """Return the picture x_0 = √ᾱ_t x_t - √(1 - ᾱ_t) v (B, P), cut to -1 … 1."""
        kept = self.kept[at]
        return (kept.sqrt() * noised - (1 - kept).sqrt() * velocity).clamp(-1, 1)

    def back(self, noised: Tensor, at: int, to: int, velocity: Tensor) -> Tensor:
        """Return the picture at step ``to`` < ``at``, or the clean one if ``to`` is -1 (DDIM, without new noise)."""
        picture = self.clean(noised, at, velocity)
        if to < 0:
            return picture
        own, kept = self.kept[at], self.kept[to]
        noise = (noised - own.sqrt() * picture) / (1 - own).sqrt()  # that fits the cut picture
        return kept.sqrt() * picture + (1 - kept).sqrt() * noise


def guided(without: Tensor, given: Tensor, strength: float) -> Tensor:
    """Return the velocity with guidance: v = v(x, ∅) + s (v(x, c) - v(x, ∅)).

    Classifier-free guidance (Ho and Salimans 2022, "Classifier-free diffusion guidance", equation 6, in which the
    strength is w = s - 1 and the network learns the noise; for the same x_t, guidance of the velocity is the same).
    With s = 0 the prompt has no effect, with s = 1 there is no guidance, and with s > 1 the picture is drawn towards
    what the prompt changes.

    Parameters
    ----------
    without, given : Tensor, shape (B, P)
        What the network finds without a prompt and with it.
    strength : float
        s.
    """
    return without + strength * (given - without)


@dataclass(frozen=True)
class Recipe:
    """How a diffusion model is trained and used.

    Parameters
    ----------
    steps, batch : int
        Of the training.
    rate : float
        The greatest learning rate: it rises for 50 steps and falls to zero as a cosine.
    dropped : float
        The share of pictures that are seen without their prompt, which guidance needs.
    averaged : float
        The weight of the past in the average of the network over its steps, with which pictures are made.
    sampling_steps : int
        S: the steps in which a picture is made.
    """

    steps: int = 2_000
    batch: int = 128
    rate: float = 2e-3
    dropped: float = 0.1
    averaged: float = 0.995
    sampling_steps: int = 20


@dataclass(frozen=True)
class Sampled:
    """Pictures on their way from noise, at S moments, the first before any noise is taken away.

    Parameters
    ----------
    pictures : array, shape (B, P)
        The pictures.
    noised, guesses : array, shape (S, B, P)
        The pictures with their noise, and the pictures without noise that the network expects.
    attention : array, shape (S, B, P, W)
        At which words the pixels look.
    at : tuple of int
        The S steps of the noising.
    """

    pictures: Array
    noised: Array
    guesses: Array
    attention: Array
    at: tuple[int, ...]


class DiffusionModel:
    """A trained diffusion model.

    Parameters
    ----------
    network : Denoiser
    vectors : TextVectors
        The vectors of the words of prompts.
    recipe : Recipe
    """

    def __init__(self, network: Denoiser, vectors: TextVectors, recipe: Recipe) -> None:
        self.network, self.vectors, self.recipe = network.eval(), vectors, recipe
        self.noise = Noise.cosine()

    def steps(self) -> tuple[int, ...]:
        """Return the steps of the noising at which pictures are looked at, from the last to the first."""
        return tuple(np.linspace(len(self.noise) - 1, 0, self.recipe.sampling_steps).round().astype(int).tolist())

    def sample(self, prompts: Sequence[Prompt], strength: float, seed: int) -> Array:
        """Return a picture for each of B prompts, (B, P), from noise that the seed gives."""
        return self._made(prompts, strength, seed, film=False).pictures

    def film(self, prompts: Sequence[Prompt], strength: float, seed: int) -> Sampled:
        """Return the making of a picture for each of B prompts."""
        return self._made(prompts, strength, seed, film=True)

    @torch.inference_mode()
    def _made(self, prompts: Sequence[Prompt], strength: float, seed: int, film: bool) -> Sampled:
        vectors, there = self.vectors.of(prompts)
        words, given = torch.from_numpy(vectors), torch.from_numpy(there)
        none, twice = torch.zeros_like(given), torch.cat([words, words])
        batch, at = len(prompts), self.steps()
        picture = torch.randn(batch, PIXELS, generator=torch.Generator().manual_seed(seed))
        kept: list[tuple[Tensor, Tensor, Tensor]] = []
        for step, to in zip(at, (*at[1:], -1), strict=True):
            time = torch.full((2 * batch,), step / len(self.noise))
            both, weights = self.network(torch.cat([picture, picture]), time, twice, torch.cat([given, none]))
            velocity = guided(both[batch:], both[:batch], strength)
            if film:
                kept.append((picture, self.noise.clean(picture, step, velocity), weights[:batch]))
            picture = self.noise.back(picture, step, to, velocity)
        noised, guesses, attention = (
            (torch.stack(each).numpy() for each in zip(*kept, strict=True)) if film else [np.empty(0)] * 3
        )
        return Sampled(picture.numpy(), noised, guesses, attention, at)


def train(part: Part, vectors: TextVectors, seed: int, recipe: Recipe, share: Share) -> DiffusionModel:
    """Train a diffusion model to find the noise in pictures, each with a prompt that is true of it.

    The loss is E ‖v - v_θ(x_t, t, prompt)‖², that of Ho et al. (2020), equation 14, with the velocity in the place of
    the noise. A tenth of the pictures is seen without a prompt (Ho and Salimans 2022, algorithm 1).

    Parameters
    ----------
    part : Part
        The pictures.
    vectors : TextVectors
        Of the words of the prompts.
    seed : int
        Of all that is drawn: weights, pictures, prompts and noise.
    recipe : Recipe
    share : callable
        Is called with the share of the training that is done.
    """
    random = np.random.default_rng(seed)
    drawn = torch.Generator().manual_seed(seed)
    with _SEEDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Denoiser(vectors.width, LONGEST)
    noise, sampler = Noise.cosine(), PromptSampler()
    pictures = torch.from_numpy(part.pictures)
    words, there = map(torch.from_numpy, vectors.of(sampler.prompts))
    optimizer = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=0.01, fused=True)
    weights: list[Tensor] = list(network.parameters())
    average = [weight.detach().clone() for weight in weights]
    for step in range(recipe.steps):
        optimizer.param_groups[0]["lr"] = rate_of(step, recipe)
        chosen = random.integers(0, len(part), recipe.batch)
        prompts = torch.from_numpy(sampler.draw(part.labels[chosen], random))
        kept = torch.rand(recipe.batch, generator=drawn) >= recipe.dropped
        at = torch.randint(0, len(noise), (recipe.batch,), generator=drawn)
        true = torch.randn(recipe.batch, PIXELS, generator=drawn)
        noised = noise.noised(pictures[chosen], at, true)
        found, _ = network(noised, at / len(noise), words[prompts], there[prompts] & kept[:, None])
        loss = (found - noise.velocity(pictures[chosen], at, true)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            past = min(recipe.averaged, (step + 1) / (step + 10))
            torch._foreach_lerp_(average, weights, 1 - past)
        if step % TOLD == 0:
            share(step / recipe.steps)
    with torch.no_grad():
        for weight, mean in zip(weights, average, strict=True):
            weight.copy_(mean)
    return DiffusionModel(network, vectors, recipe)


def rate_of(step: int, recipe: Recipe) -> float:
    """Return the learning rate of a step."""
    falling = 0.5 * (1 + np.cos(np.pi * step / recipe.steps))
    return float(recipe.rate * min(1.0, (step + 1) / 50) * falling)


@dataclass(frozen=True)
class Answer:
    """The pictures that a model made for a question at one strength, and what the classifier says.

    Parameters
    ----------
    prompts : tuple of Prompt
        The N prompts.
    pictures : array, shape (N, P)
    says : array of int, shape (N,)
        The digit that the classifier sees.
    nearest : array of int, shape (N,)
        The index of the nearest training picture.
    distances : array, shape (N,)
        The distance to it.
    """

    prompts: tuple[Prompt, ...]
    pictures: Array
    says: Array
    nearest: Array
    distances: Array

    @property
    def right(self) -> Array:
        """(N,) bool: whether the picture is what the prompt says."""
        return np.array([p.is_true_of(int(said)) for p, said in zip(self.prompts, self.says, strict=True)])


Answers = dict[tuple[str, float], Answer]


def answers(model: DiffusionModel, digits: Digits, judge: Judge, seed: int, share: Share) -> Answers:
    """Return the answers of a model to all questions, by question and strength, from noise that the seed gives."""
    asked = [(name, strength) for name, question in QUESTIONS.items() for strength in question.strengths]
    found: Answers = {}
    for name, strength in asked:
        prompts = QUESTIONS[name].asked
        pictures = model.sample(prompts, strength, seed)
        at, distances = nearest(pictures, digits.diffusion.pictures)
        found[name, strength] = Answer(tuple(prompts), pictures, judge(pictures), at, distances)
        share(len(found) / len(asked))
    return found


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, *Journal of the American Statistical Association* 22)."""
    from scipy.stats import binomtest

    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def spread(pictures: Array, groups: Sequence[int] | Array) -> float:
    """Return the root of the mean squared distance of pictures (N, P) from the mean of their group (N,).

    Each group is corrected for its size, and groups count the same. A group of one picture is left out.
    """
    variances = []
    for group in np.unique(np.asarray(groups)):
        own = pictures[np.asarray(groups) == group]
        if len(own) > 1:
            variances.append(float(own.var(axis=0, ddof=1).sum()))
    return math.sqrt(np.mean(variances)) if variances else math.nan
