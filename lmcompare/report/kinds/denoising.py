"""Draws the making of pictures: a sheet of all moments for each prompt, and on the page one moment large."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmcompare.exhibits import Denoised, DenoisingFilm
from lmcompare.report import numbers
from lmcompare.report.charts.png import strip
from lmcompare.report.kinds import Rendering
from lmcompare.report.kinds.heatmap import WARM
from lmcompare.report.kinds.pictures import amounts
from lmcompare.report.markdown import plain, table
from lmcompare.report.templating import fill


def render(exhibit: DenoisingFilm) -> Rendering:
    """Draw for each prompt a row of pictures, of guesses, and of attention to each word."""
    html = fill(
        "kinds/denoising",
        exhibit=exhibit,
        last=len(exhibit.moments) - 1,
        sheets=[_sheet(film, exhibit.side) for film in exhibit.films],
        size=exhibit.side + 2,
        data={
            "side": exhibit.side,
            "moments": exhibit.moments,
            "films": [
                {"words": f.words, "pictures": f.pictures, "guesses": f.guesses, "attention": f.attention}
                for f in exhibit.films
            ],
        },
    )
    return Rendering(html, _reading(exhibit), _markdown(exhibit))


def _sheet(film: Denoised, side: int) -> dict[str, Any]:
    weights = np.array(film.attention, np.float64).reshape(len(film.pictures), len(film.words), side, side) / 100
    rows = [
        ("with its noise", strip(amounts(film.pictures, side)), ""),
        ("what the network expects", strip(amounts(film.guesses, side)), ""),
        *(
            (f"attention to “{word}”", strip(weights[:, w], WARM), f"{numbers.percent(share, 0)} of all")
            for w, (word, share) in enumerate(zip(film.words, _means(film), strict=True))
        ),
    ]
    return {"prompt": " ".join(film.words), "rows": rows, "film": film}


def _means(film: Denoised) -> list[float]:
    """Return the mean attention to each word, over moments and pixels."""
    return [float(mean) / 100 for mean in np.mean(np.array(film.attention, np.float64), axis=(0, 2))]


def _reading(exhibit: DenoisingFilm) -> str:
    """Return at which word of each prompt the pixels look most."""
    found = []
    for film in exhibit.films:
        means = _means(film)
        most = int(np.argmax(means))
        found.append(f"“{film.words[most]}” in “{' '.join(film.words)}” ({numbers.percent(means[most], 0)})")
    failed = [f"“{' '.join(film.words)}”" for film in exhibit.films if not film.fits]
    wrong = f" The picture for {numbers.listed(failed)} is a failure." if failed else ""
    return f"Over all steps the pixels look most at {numbers.listed(found)}.{wrong}"


def _markdown(exhibit: DenoisingFilm) -> str:
    """Return the mean attention to each word at the first, the middle and the last moment."""
    shown = sorted({0, len(exhibit.moments) // 2, len(exhibit.moments) - 1})
    lines = []
    for film in exhibit.films:
        weights = np.array(film.attention, np.float64).mean(axis=2) / 100  # (M, W)
        lines += [
            (plain(" ".join(film.words)), plain(word), *(numbers.percent(float(weights[i, w]), 0) for i in shown))
            for w, word in enumerate(film.words)
        ]
    head = ("Prompt", "Word", *(plain(exhibit.moments[i]) for i in shown))
    return f"The attention of all pixels to each word:\n\n{table(head, lines, 2)}"
