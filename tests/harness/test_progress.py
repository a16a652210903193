"""The lines of a log."""

from __future__ import annotations

import io
import json
import os
from contextlib import suppress
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from lmcompare.errors import LmcompareError
from lmcompare.harness.progress import Display, Live, Plain, Sending, Share, checked, display, show_sent
from lmcompare.model import Progress
from lmcompare.processes import Child, JunkError
from tests.damage import HARMS, NUMBERS, TEXTS, VALUES, harmed


def test_a_line_tells_what_is_known_and_no_more() -> None:
    log = io.StringIO()
    shown = Plain(Console(file=log, width=200), every=0)
    shown.plan(["net"])
    shown.event(0, {"event": "stage", "stage": "training"})
    told = asdict(Progress(step=1)) | {"event": "progress", "seconds": 2.0}
    shown.event(0, told)
    shown.event(0, told | {"steps": 4, "train_loss": 5.25, "tokens": 100})
    later = {"steps": 4, "step": 2, "seconds": 2.5, "tokens": 200, "train_loss": 5.0, "valid_loss": 4.5}
    shown.event(0, told | later)  # the first step was done after two seconds, most of them of preparation
    assert log.getvalue().splitlines() == [
        "net: training",
        "net: training",
        "net: 25% of training, loss 5.250",
        "net: 50% of training, loss 5.000, valid 4.500, 200 tokens/s, 1 s left",
    ]


def test_a_stage_tells_how_much_of_it_is_done() -> None:
    log = io.StringIO()
    shown = Plain(Console(file=log, width=200), every=0)
    shown.plan(["net"])
    told = asdict(Progress(step=4, train_loss=5.25)) | {"event": "progress", "seconds": 2.0}
    shown.event(0, {"event": "stage", "stage": "training"})
    shown.event(0, told)
    log.truncate(log.seek(0))
    shown.event(0, {"event": "stage", "stage": "scoring"})
    seen = Share(lambda event: shown.event(0, checked(event)), "scoring", 8, every=0)
    for tokens in (2, 4, 2):
        seen(tokens)
    shown.event(0, {"event": "stage", "stage": "checking"})
    assert log.getvalue().splitlines() == [
        "net: scoring",
        "net: 25% of scoring",
        "net: 75% of scoring",
        "net: 100% of scoring",
        "net: checking",
    ]


def test_what_training_has_to_say_is_said_at_once() -> None:
    log = io.StringIO()
    shown = Plain(Console(file=log, width=200), every=100)
    shown.plan(["net"])
    shown.event(0, {"event": "stage", "stage": "training"})
    shown.event(0, asdict(Progress(step=3, note="goes on from step 3")) | {"event": "progress", "seconds": 2.0})
    assert log.getvalue().splitlines() == ["net: training", "net: goes on from step 3"]


def test_work_before_the_first_model_is_shown_as_a_share() -> None:
    log = io.StringIO()
    shown = Plain(Console(file=log, width=200), every=0)
    for done in (0.25, 0.5, 1.0):
        shown.share("Cutting", done)
    assert log.getvalue().splitlines() == ["Cutting: 25%", "Cutting: 50%"]


@pytest.mark.parametrize(("columns", "kind"), [(20, Plain), (100, Live)])
def test_a_narrow_terminal_has_lines_and_no_table(columns: int, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    assert type(display()) is kind


def test_a_bar_is_drawn_on_a_terminal_until_the_work_is_done() -> None:
    log = io.StringIO()
    shown = Live(Console(file=log, width=200, force_terminal=True))
    shown.share("Cutting", 0.25)
    assert "Cutting" in log.getvalue()
    assert "25%" in log.getvalue()
    shown.share("Cutting", 1.0)
    shown.say("done")
    assert log.getvalue().rstrip().endswith("done")
    shown.close()


def test_events_that_can_be_shown_pass() -> None:
    told = asdict(Progress(step=1, train_loss=float("nan"), note="x" * 5000)) | {"event": "progress", "seconds": 2.0}
    assert checked(told)["note"] == "x" * 1000
    assert checked({"event": "stage", "stage": "scoring"})["stage"] == "scoring"
    assert checked({"event": "progress", "step": 0, "seconds": 0.5, "note": ""})["steps"] is None


@pytest.mark.parametrize(
    "event",
    [
        *({}, {"event": 7}, {"event": []}, {"event": "done"}, {"event": "stage", "stage": "dancing"}),
        *({"event": "stage", "stage": []}, {"event": "stage", "stage": "scoring", "share": 1.5}),
        *({"event": "stage", "stage": "scoring", "share": "half"}, {"step": "many"}, {"step": None}, {"step": -1}),
        *({"step": 10**400}, {"steps": float("nan")}, {"tokens": True}, {"train_loss": "low"}),
        *({"valid_loss": 10**400}, {"note": 5}, {"note": None}, {"seconds": None}),
    ],
)
def test_other_events_are_refused(event: dict[str, Any]) -> None:
    told = asdict(Progress(step=1)) | {"event": "progress", "seconds": 2.0}
    with pytest.raises(LmcompareError, match="reported progress that can't be read"):
        checked(event if "event" in event or not event else {**told, **event})


PROGRESS = {"event": "progress", "seconds": 2.0}
TOLD = asdict(Progress(step=3, steps=9, tokens=7, train_loss=5.0, valid_loss=4.0)) | PROGRESS
OTHERS = (
    {"event": "stage", "stage": "training"},
    {"event": "stage", "stage": "scoring", "share": 0.5},
    {"event": "say", "sentence": "A text."},
    {"event": "share", "what": "Cutting", "done": 0.5},
)
EVENTS = st.builds(harmed, st.sampled_from([TOLD, *OTHERS]), HARMS) | st.builds(
    lambda numbers, note: {**TOLD, **numbers, "note": note},
    st.dictionaries(st.sampled_from([name for name in TOLD if name not in ("event", "note")]), NUMBERS, max_size=2),
    TEXTS,
)
MESSAGES = st.tuples(st.sampled_from(["event", "event", "raised", "returned"]), EVENTS)


@pytest.mark.slow
@given(sent=st.lists(st.one_of(MESSAGES, VALUES, st.binary(max_size=30)), max_size=6))
def test_whatever_a_cell_sends_is_shown_or_refused(sent: list[object]) -> None:
    """From the bytes on the channel to the lines and the table of a terminal."""
    end, begin = os.pipe()
    with open(begin, "wb") as channel:
        for line in sent:
            channel.write(line if isinstance(line, bytes) else json.dumps(line).encode())
            channel.write(b"\n")
    terminal = io.TextIOWrapper(io.BytesIO(), "utf-8", errors="backslashreplace")
    table = Console(file=terminal, force_terminal=True)
    live = Live(table)
    shown = [Display(), Plain(Console(file=terminal), every=0), live]
    for each in shown:
        each.plan(["net"])
        each.event(0, {"event": "stage", "stage": "starting"})
    with open(end, "rb") as stdout, suppress(LmcompareError):
        child = Child(cast("Any", SimpleNamespace(stdout=stdout, poll=lambda: 0)), "")
        for event in child.events():
            with suppress(JunkError):  # of the process that reads the corpus
                for each in shown:
                    show_sent(event, each)
            told = checked(event)  # of the process of a cell
            for each in shown:
                each.event(0, told)
            table.print(live._table())
    for each in shown:
        each.close()


def test_what_is_sent_is_shown_in_another_process() -> None:
    log = io.StringIO()
    shown = Plain(Console(file=log, width=200), every=0)
    sending = Sending(lambda event: show_sent(event, shown))
    sending.say("a sentence")
    for done in (0, 0.5, 1.0):
        sending.share("Cutting", done)
    assert log.getvalue().splitlines() == ["a sentence", "Cutting: 0%", "Cutting: 50%"]


@pytest.mark.parametrize(
    "event",
    [
        *({}, {"event": 7}, {"event": "done"}, {"event": "say"}, {"event": "say", "sentence": 7}),
        *({"event": "share", "what": "Cutting", "done": done} for done in ("half", None, -1, 2, float("nan"))),
        {"event": "share", "what": 7, "done": 0.5},
    ],
)
def test_what_no_display_is_told_is_junk(event: dict[str, Any]) -> None:
    with pytest.raises(JunkError):
        show_sent(event, Display())
