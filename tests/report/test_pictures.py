"""Pictures that a prompt guided and their making: what is drawn is what is stored, and the page moves it."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from lmcompare.exhibits import draw
from lmcompare.exhibits.heatmap import WARM
from lmcompare.lab.diffusion.pictures import LEVELS, DenoisingFilm, PromptedPictures, amounts
from lmcompare.render.charts.png import Array, png, strip
from tests.report.browser import complaints, open_all
from tests.report.tree import parse
from tests.synthetic_exhibits import drawn_digits


@pytest.fixture
def gallery() -> PromptedPictures:
    found = drawn_digits()[0]
    assert isinstance(found, PromptedPictures)
    return found


@pytest.fixture
def film() -> DenoisingFilm:
    found = drawn_digits()[1]
    assert isinstance(found, DenoisingFilm)
    return found


def pixels(address: str) -> Array:
    """The (height, width, channels) pixels of a PNG without filters."""
    data = base64.b64decode(address.partition(",")[2])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    parts, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        parts[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert depth == 8
    channels = {4: 2, 6: 4}[colour]
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels)


def test_a_png_has_the_pixels_that_were_given() -> None:
    given = np.random.default_rng(0).integers(0, 256, (3, 5, 4)).astype(np.uint8)
    assert (pixels(png(given)) == given).all()
    assert (pixels(png(given[..., :2])) == given[..., :2]).all()


def test_a_strip_has_its_pictures_side_by_side() -> None:
    two = np.stack([np.zeros((2, 2)), np.array([[1.0, 0.5], [0.0, 2.0]])])
    drawn = pixels(strip(two))
    assert drawn.shape == (4, 8, 2)
    assert drawn[1:3, 1:3, 0].tolist() == [[0, 0], [0, 0]]
    assert drawn[1:3, 5:7, 0].tolist() == [[255, 128], [0, 255]]
    assert drawn[..., 1].sum() == 255 * 8  # opaque inside, transparent between
    coloured = pixels(strip(two, WARM))
    assert coloured[1, 6].tolist() == [*WARM, 128]


def test_levels_are_read_from_black_to_white() -> None:
    assert amounts(["0g8" * 3], 3)[0].tolist() == [[0.0, 1.0, 0.5]] * 3


def test_all_strengths_are_there_without_scripts(gallery: PromptedPictures) -> None:
    html = parse(str(draw(gallery).html))
    assert len(html.all("table")) == len(gallery.strengths)
    images = html.all("img")
    assert len(images) == len(gallery.strengths) * len(gallery.prompts) * 2
    first = pixels(images[0].attributes["src"])
    truth = amounts(gallery.pictures[0][0], 8)
    assert first[1:9, 1:9, 0].tolist() == np.rint(255 * truth[0]).tolist()
    assert [s.text for s in html.all("s")] == ["1", "2"] * len(gallery.strengths)
    assert "15 %" in draw(gallery).reading.replace("\u00a0", " ")
    assert draw(replace(gallery, opened=0)).reading == ""


def test_all_moments_are_there_without_scripts(film: DenoisingFilm) -> None:
    html = parse(str(draw(film).html))
    tables = html.all("table")
    assert len(tables) == len(film.films)
    images = tables[0].all("img")
    assert len(images) == 2 + len(film.films[0].words)
    weights = pixels(images[2].attributes["src"])
    for moment, maps in enumerate(film.films[0].attention):
        drawn = weights[1:9, 10 * moment + 1 : 10 * moment + 9, 3]
        assert drawn.flatten().tolist() == np.rint(255 * np.array(maps[0]) / 100).tolist()
    assert "most at “" in draw(film).reading


@pytest.mark.slow
def test_the_slider_chooses_the_strength_and_a_pixel_says_at_which_words_it_looks(
    report: Page, gallery: PromptedPictures, film: DenoisingFilm
) -> None:
    open_all(report)
    box = report.locator(".pictures").first
    shown = box.locator(".pictures-panel:visible")
    expect(shown).to_have_count(1)
    assert shown.get_attribute("data-name") == gallery.strengths[gallery.opened]
    box.locator("input").focus()
    for key, strength in (("Home", 0), ("End", 2)):
        report.keyboard.press(key)
        expect(shown).to_have_count(1)
        assert shown.get_attribute("data-name") == gallery.strengths[strength]
        assert box.locator("output").inner_text() == gallery.strengths[strength]

    box = report.locator(".denoising").first
    stage, said = box.locator(".denoising-stage"), box.locator(".denoising-said")
    assert stage.locator("canvas").count() == 2 + len(film.films[0].words)
    box.locator("input").focus()
    report.keyboard.press("End")
    assert box.locator("output").inner_text() == film.moments[-1]

    def weights(which: int, moment: int, row: int, column: int) -> str:
        maps = film.films[which].attention[moment]
        looks = zip(film.films[which].words, (each[8 * row + column] for each in maps), strict=True)
        return ", ".join(f"“{word}” {weight} %" for word, weight in looks)

    stage.focus()
    report.keyboard.press("ArrowUp")
    report.keyboard.press("ArrowLeft")
    expect(said).to_have_text(f"The pixel in row 4, column 4 looks at {weights(0, 3, 3, 3)}.")
    canvas = stage.locator("canvas").first
    size = canvas.bounding_box()
    assert size is not None
    canvas.hover(position={"x": size["width"] * 0.95, "y": size["height"] * 0.05})
    expect(said).to_have_text(f"The pixel in row 1, column 8 looks at {weights(0, 3, 0, 7)}.")
    box.locator(".denoising-prompts button").nth(1).click()
    expect(said).to_have_text(f"The pixel in row 1, column 8 looks at {weights(1, 3, 0, 7)}.")
    expect(box.locator(".denoising-sheet:visible")).to_have_count(1)
    grey = canvas.evaluate("canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, 8, 8).data)")
    levels = [LEVELS.index(level) / 16 for level in film.films[1].pictures[3]]
    assert grey[::4] == [round(255 * level + 1e-9) for level in levels]
    sheet = box.locator(".denoising-sheet:visible img").first
    width = sheet.bounding_box()
    assert width is not None
    sheet.click(position={"x": width["width"] * 0.3, "y": 5})  # the second of four moments
    assert box.locator("output").inner_text() == film.moments[1]
    assert complaints(report) == []
