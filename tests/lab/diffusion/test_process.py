"""The noise of the diffusion process against its closed form, and guidance against its formula."""

from __future__ import annotations

import math

import pytest
import torch

from lmcompare.lab.diffusion.process import LEAST, Noise, guided


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
