"""The names by which browsers call a server."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from lmcompare.serve.guard import Guard, address


@pytest.mark.parametrize(
    ("host", "whole"),
    [
        ("localhost", "localhost:80"),
        ("LocalHost:8000", "localhost:8000"),
        ("[::1]", "[::1]:80"),
        ("[FE80::1]:81", "[fe80::1]:81"),
        ("", ":80"),
    ],
)
def test_a_host_has_small_letters_and_a_port(host: str, whole: str) -> None:
    assert address(host) == whole


@pytest.mark.parametrize(
    ("port", "host", "origin", "status"),
    [
        (80, "mymachine", "http://mymachine", None),
        (80, "MyMachine:80", "http://mymachine", None),
        (80, "mymachine:8000", "http://mymachine:8000", 403),
        (80, "mymachine", "https://mymachine", 403),
        (80, "mymachine", "http://other", 403),
        (80, "mymachine", "null", 403),
        (8000, "MyMachine:8000", "http://mymachine:8000", None),
        (8000, "mymachine", "http://mymachine", 403),
        (8000, "mymachine:8000", "http://mymachine", 403),
        (8000, "mymachine:8000", "", 403),
    ],
)
def test_a_browser_may_leave_out_port_80_and_write_small_letters(
    port: int, host: str, origin: str, status: int | None
) -> None:
    guard = Guard(Starlette(), "secret", frozenset({address(f"MyMachine:{port}")}))
    headers = {"host": host, "origin": origin, "cookie": f"lmcompare-{port}=secret"}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    refused = guard.refused(Request({"type": "http", "method": "POST", "path": "/", "headers": raw}))
    assert (refused and refused.status_code) == status
