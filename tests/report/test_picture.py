"""The picture of the top of a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcompare.errors import LmcompareError
from lmcompare.report import picture
from tests.report.browser import executable


def test_a_picture_for_a_readme(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    executable()
    path = tmp_path / "report.png"
    assert picture.main([str(folder / "report.html"), str(path), "--width", "1000", "--height", "700"]) == 0
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (1000, 700)
    assert str(path) in capsys.readouterr().out


def test_a_picture_of_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    executable()
    with pytest.raises(LmcompareError, match="there is no page"):
        picture.take(tmp_path / "report.html", tmp_path / "x.png")


def test_no_browser_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert picture.main([str(tmp_path / "report.html"), str(tmp_path / "x.png")]) == 2
