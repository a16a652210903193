"""Trains the diffusion model, and makes pictures with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lmcompare.lab.bench import Share
from lmcompare.lab.diffusion.denoiser import PIXELS, Denoiser
from lmcompare.lab.diffusion.digits import Part
from lmcompare.lab.diffusion.process import Noise, guided
from lmcompare.lab.diffusion.prompts import LONGEST, Prompt, PromptSampler
from lmcompare.lab.diffusion.text_vectors import TextVectors

Array = np.ndarray[Any, Any]

TOLD = 50  # steps between two reports of progress
_SEEDING = Lock()  # torch draws initial weights from its only global generator


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
