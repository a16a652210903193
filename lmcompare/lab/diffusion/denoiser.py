"""A small network that finds the noise in a picture, and looks at the words of a prompt.

Every pixel has a query of cross-attention, and the words are its keys and values (Rombach et al. 2022,
"High-resolution image synthesis with latent diffusion models", section 3.3)::

    Attention(Q, K, V) = softmax(Q Kᵀ / √d) V,   Q = W_Q picture,   K = W_K words,   V = W_V words

Between two looks at the prompt the pixels are mixed by a dense layer instead of convolutions: at 8 by 8 pixels it is
faster and learns more in the same time.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 8  # pixels
PIXELS = SIDE * SIDE
HIDDEN = 256
LOOKS = 2
HEADS, EACH = 2, 8  # heads of cross-attention, and the numbers of each
WORD = 48  # numbers of a word's vector after it has read the other words
TIME, WAVES = 64, 16


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
