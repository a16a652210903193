"""A server as a user starts it: who is answered, what the models say, and the page in a real browser."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

import lmcompare
from lmcompare.api import Comparison
from lmcompare.measure.sampling import Sampling
from lmcompare.serve import app
from tests.made import made
from tests.report.browser import complaints

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cells_here")]

KINDS = ("big", "small", "red", "old")
LINES = [f"The cat number {n} saw a dog and the {kind} bird .\n" for n in range(10) for kind in KINDS]


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    token: str

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, known: bool = True
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of an answer; ``known``: with the cookie, and as the page itself."""
        host = f"127.0.0.1:{self.port}"
        own = {"Cookie": f"{app.cookie_of(host)}={self.token}", "Origin": f"http://{host}"} if known else {}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, {**own, **(headers or {})})
            with connection.getresponse() as answer:
                return answer.status, dict(answer.getheaders()), answer.read()

    def json(self, path: str, **asked: Any) -> Any:
        """Return what an API answers."""
        status, _, body = self.ask("POST", path, json.dumps(asked).encode())
        assert status == 200, body
        return json.loads(body)


def served() -> Comparison:
    """A run of three models, made once."""
    models: list[Any] = ["unigram", "ngram", {"plugin": "ngram", "name": "letters", "order": 3, "tokens": "char"}]
    place = made("serve", lambda folder: lmcompare.compare(LINES, models=models, out=folder / "run", quiet=True))
    return lmcompare.load(place / "run")


@pytest.fixture(scope="module")
def run(cells_here: None) -> Comparison:
    return served()


@contextmanager
def started(run: Comparison) -> Iterator[Server]:
    """A server, which ends at Ctrl-C in a moment and has said nothing but its address."""
    command = [sys.executable, "-m", "lmcompare.cli", "serve", str(run.folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.fullmatch(r"Open http://127\.0\.0\.1:(\d+)/\?token=(\S+)\n", process.stdout.readline())
        assert address is not None
        yield Server(process, int(address[1]), address[2])
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.fixture(scope="module")
def server(run: Comparison) -> Iterator[Server]:
    with started(run) as found:
        yield found


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_address(server: Server) -> None:
    status, headers, _ = server.ask("GET", f"/?token={server.token}", known=False)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert cookie.startswith(f"lmcompare-{server.port}={server.token}; ")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    status, headers, page = server.ask("GET", "/")
    assert status == 200
    assert headers["cache-control"] == "no-store"
    assert server.token.encode() not in page
    assert b"connect-src 'self'" in page


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/?token=wrong", {"Cookie": ""}, 403),
        ("GET", "/", {"Cookie": "lmcompare=wrong"}, 403),
        ("GET", "/", {"Host": "evil.example"}, 403),
        ("POST", "/api/score", {"Origin": "http://evil.example"}, 403),
        ("POST", "/api/score", {"Cookie": ""}, 403),
        ("GET", "/api/score", {}, 405),
        ("GET", "/../../etc/passwd", {}, 404),
    ],
)
def test_others_are_not_answered(
    server: Server, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    found, _, body = server.ask(method, path, b'{"text": "the cat"}' if method == "POST" else b"", headers)
    assert found == status
    assert b"bits" not in body


def test_scores_are_those_of_python(server: Server, run: Comparison) -> None:
    text = "The cat saw  a zebra .\nThe"
    for found, name in zip(server.json("/api/score", text=text)["each"], run.models, strict=True):
        scored = run.model(name).score(text)
        assert found["bits"] == pytest.approx(list(scored.surprisal_bits))
        assert [token["text"] for token in found["tokens"]] == list(scored.tokens)
        assert [token["unknown"] for token in found["tokens"]] == list(scored.unknown)
        wanted = run.model(name).next_tokens(text)
        assert [word for word, _ in found["next"]] == [word for word, _ in wanted]
        assert [p for _, p in found["next"]] == pytest.approx([p for _, p in wanted])
    words = server.json("/api/score", text=text)["each"][0]["tokens"]
    assert [token["spaced"] for token in words] == [False, True, True, True, True, True, False, True]


def test_a_file_is_scored_by_all(server: Server, run: Comparison) -> None:
    text = "".join(LINES)
    status, _, body = server.ask("POST", "/api/measure", text.encode())
    assert status == 200
    for row in json.loads(body):
        scored = run.model(row["name"]).score(text)
        assert row["bits_per_byte"] == pytest.approx(scored.bits_per_byte)
        assert row["tokens"] == len(scored.tokens)


@pytest.mark.parametrize("name", ["ngram", "letters"])
def test_a_continuation_comes_token_by_token(server: Server, run: Comparison, name: str) -> None:
    asked = {"text": "The cat", "model": name, "length": 12, "temperature": 0.7, "top_k": 20, "top_p": 0.9, "seed": 3}
    status, _, body = server.ask("POST", "/api/continue", json.dumps(asked).encode())
    assert status == 200
    pieces = [json.loads(line)["text"] for line in body.decode().splitlines()]
    assert "".join(pieces) == run.model(name).generate("The cat", 12, temperature=0.7, top_k=20, top_p=0.9, seed=3)
    assert len(pieces) == 12
    assert list(run.model(name).by_token("The cat", 12, Sampling(0.7, 20, 0.9, 3))) == pieces


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("score", b"{", 400, "JSON"),
        ("score", b'{"text": 5}', 400, "text: Input should be a valid string"),
        ("score", b'{"text": "a", "more": 1}', 400, "more: "),
        ("score", b'{"text": "\\ud800"}', 400, ""),
        ("score", json.dumps({"text": "a " * 20_000}).encode(), 400, "20,000"),
        ("score", b"x" * (app.BODY + 1), 413, "1,000,000"),
        ("measure", b"\xff\xfe", 400, "not valid UTF-8"),
        ("continue", b'{"text": "a", "model": "other"}', 400, "no model 'other'"),
        ("continue", b'{"text": "a", "model": "ngram", "length": 501}', 400, "length: "),
        ("continue", b'{"text": "a", "model": "ngram", "temperature": 0}', 400, "temperature: "),
    ],
)
def test_wrong_questions_are_one_sentence(server: Server, path: str, body: bytes, status: int, said: str) -> None:
    found, _, answer = server.ask("POST", f"/api/{path}", body)
    assert found == status
    assert said in answer.decode()
    assert b"Traceback" not in answer
    assert not answer.startswith(b":")


def test_in_a_browser(server: Server, browser: Browser, run: Comparison) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/?token={server.token}")
    assert "token" not in page.url
    page.locator("#live").scroll_into_view_if_needed()
    page.locator(".live textarea").first.fill("The cat saw")
    expect(page.locator(".live")).to_have_attribute("data-shown", "The cat saw", timeout=20_000)
    row = page.locator(".live-model").nth(1)
    total = sum(run.model("ngram").score("The cat saw").surprisal_bits)
    expect(row.locator(".total")).to_contain_text(f"{total:.1f} bits")
    row.locator(".go-on").click()
    expect(row.locator(".go-on")).to_be_enabled()
    expect(row.locator(".drawn")).not_to_be_empty()
    page.locator(".live-file summary").click()
    page.locator(".live-file input").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"The cat ."}
    )
    expected = run.model("unigram").score("The cat .").bits_per_byte
    expect(page.locator(".live-file tbody td").first).to_have_text(f"{expected:.3f}")
    assert complaints(page) == []
