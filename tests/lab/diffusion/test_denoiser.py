"""The noise against its closed form, guidance against its formula; attention never sees padding, and words count."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lmcompare.lab.diffusion.model import (
    EACH,
    HEADS,
    HIDDEN,
    LEAST,
    PIXELS,
    WORD,
    CrossAttention,
    Denoiser,
    Noise,
    guided,
)


def test_noised_pictures_have_the_mean_and_variance_of_the_closed_form() -> None:
    noise = Noise.cosine(50)
    drawn = torch.Generator().manual_seed(0)
    for step in (0, 10, 30, 49):
        pictures = torch.full((20_000, 4), 0.5)
        found = noise.noised(pictures, torch.full((20_000,), step), torch.randn(20_000, 4, generator=drawn))
        kept = float(noise.kept[step])
        assert float(found.mean()) == pytest.approx(0.5 * math.sqrt(kept), abs=0.02)
        assert float(found.var()) == pytest.approx(1 - kept, rel=0.03, abs=1e-4)


def test_the_schedule_is_a_falling_cosine() -> None:
    noise = Noise.cosine(100)
    assert len(noise) == 100
    assert (noise.kept[1:] <= noise.kept[:-1]).all()
    assert noise.kept[49] == pytest.approx(math.cos(math.pi / 2 * 0.508 / 1.008) ** 2, rel=1e-3)
    assert noise.kept[0] > 0.99
    assert noise.kept[-1] == pytest.approx(LEAST)


def test_the_velocity_gives_picture_and_noise_back() -> None:
    noise, drawn = Noise.cosine(100), torch.Generator().manual_seed(1)
    pictures = torch.rand(6, 64, generator=drawn) * 2 - 1
    true = torch.randn(6, 64, generator=drawn)
    for step in (3, 50, 90):
        at = torch.full((6,), step)
        noised, velocity = noise.noised(pictures, at, true), noise.velocity(pictures, at, true)
        assert torch.allclose(noise.clean(noised, step, velocity), pictures, atol=1e-4)
        # a step back with the true velocity is the same picture with the same noise at that step
        earlier = noise.back(noised, step, 2, velocity)
        assert torch.allclose(earlier, noise.noised(pictures, torch.full((6,), 2), true), atol=1e-3)
        assert torch.allclose(noise.back(noised, step, -1, velocity), pictures, atol=1e-4)


def test_guidance_by_hand() -> None:
    without, given = torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, 0.0]])
    assert guided(without, given, 0.0).tolist() == [[1.0, -1.0]]
    assert guided(without, given, 1.0).tolist() == [[3.0, 0.0]]
    assert guided(without, given, 2.5).tolist() == [[6.0, 1.5]]


@pytest.fixture
def network() -> Denoiser:
    torch.manual_seed(0)
    found = Denoiser(5, 3)
    torch.nn.init.normal_(found.leave.weight)  # it begins at zero
    torch.nn.init.normal_(found.nothing)
    return found.eval()


def asked(network: Denoiser, words: Tensor, there: list[list[bool]]) -> tuple[Tensor, Tensor]:
    noised = torch.randn(len(words), PIXELS, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found: tuple[Tensor, Tensor] = network(noised, torch.full((len(words),), 0.5), words, torch.tensor(there))
    return found


def test_attention_is_the_softmax_of_scaled_products() -> None:
    torch.manual_seed(0)
    look = CrossAttention()
    picture, words = torch.randn(1, HIDDEN), torch.randn(1, 3, WORD)
    with torch.no_grad():
        _, weights = look(picture, words, torch.tensor([[True, True, False]]))
        queries = look.query(look.norm(picture))[0].view(HEADS, PIXELS, EACH)
        keys = look.key(words[0]).view(3, HEADS, EACH)
    for head, pixel in ((0, 0), (1, 63)):
        scores = [float(queries[head, pixel] @ keys[word, head]) / math.sqrt(EACH) for word in (0, 1)]
        total = sum(map(math.exp, scores))
        assert weights[0, head, pixel].tolist() == pytest.approx(
            [*(math.exp(s) / total for s in scores), 0.0], abs=1e-5
        )


def test_weights_sum_to_one_and_padding_has_none(network: Denoiser) -> None:
    words = torch.randn(2, 3, 5)
    _, weights = asked(network, words, [[True, True, False], [True, True, True]])
    assert weights.shape == (2, PIXELS, 3)
    assert torch.allclose(weights.sum(-1), torch.ones(2, PIXELS), atol=1e-6)
    assert weights[0, :, 2].eq(0).all()
    assert weights[1].gt(0).all()


def test_what_is_in_padding_changes_nothing(network: Denoiser) -> None:
    words = torch.randn(1, 3, 5)
    other = words.clone()
    other[0, 2] = 100.0
    hidden, shown = [[True, True, False]], [[True, True, True]]
    assert torch.equal(asked(network, words, hidden)[0], asked(network, other, hidden)[0])
    assert not torch.allclose(asked(network, words, shown)[0], asked(network, other, shown)[0])


def test_without_words_no_vector_is_seen(network: Denoiser) -> None:
    none = [[False, False, False]]
    one, _ = asked(network, torch.randn(1, 3, 5), none)
    other, weights = asked(network, torch.randn(1, 3, 5), none)
    assert torch.equal(one, other)
    assert weights[0, :, 0].eq(1).all()
    assert not torch.allclose(one, asked(network, torch.randn(1, 3, 5), [[True, False, False]])[0])
