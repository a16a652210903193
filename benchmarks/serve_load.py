"""Are readers of ``lmcompare serve`` answered while others hold thousands of connections open without a request?

::

    pip install '.[bench,serve]'
    python benchmarks/serve_load.py RUN      # a run folder; prints the times of ten readers, alone and beside others

The readers and those who hold connections are processes of their own. A held connection sends half a header; it is
opened anew when the server closes it.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import re
import resource
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

import numpy as np

READERS, QUESTIONS, HOLDERS = 10, 40, 4
TEXT = "The house of the president was closed in the morning and nobody said why."


def read(port: int, token: str, times: Any) -> None:
    """Ask for the scores of a text again and again, on one connection for each question as browsers may do."""
    own = {"Cookie": f"lmcompare-{port}={token}", "Origin": f"http://127.0.0.1:{port}"}
    body = json.dumps({"text": TEXT})
    for _ in range(QUESTIONS):
        begin = time.perf_counter()
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST", "/api/score", body, own)
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status != 503:
                break
            time.sleep(0.05)
        times.put((answer.status, time.perf_counter() - begin))


def hold(port: int, many: int) -> None:
    """Keep many connections open that have sent half a header."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (many + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    waiting = selectors.DefaultSelector()

    def begin() -> None:
        held = socket.create_connection(("127.0.0.1", port), timeout=60)
        held.sendall(b"POST /api/score HTTP/1.1\r\nHost: 127.0.0.1")
        waiting.register(held, selectors.EVENT_READ)

    for _ in range(many):
        begin()
    while True:
        for key, _ in waiting.select():
            with suppress(OSError):
                if not key.fileobj.recv(1000):  # type: ignore[union-attr]
                    waiting.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]
                    time.sleep(0.01)
                    begin()


def measured(port: int, token: str) -> str:
    """Return the number of answers and the quantiles of their times."""
    times: Any = multiprocessing.Queue()
    readers = [multiprocessing.Process(target=read, args=(port, token, times)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    found = [times.get(timeout=300) for _ in range(READERS * QUESTIONS)]
    for reader in readers:
        reader.join()
    seconds = np.array([second for _, second in found])
    right = sum(status == 200 for status, _ in found)
    half, most, longest = 1000 * np.quantile(seconds, [0.5, 0.95, 1.0])
    return f"{right} of {len(found)} answered; median {half:.0f} ms, p95 {most:.0f} ms, longest {longest:.0f} ms"


def main() -> None:
    """Start a server, and measure ten readers alone, beside held connections, and alone again."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", help="a run folder with trained models")
    parser.add_argument("--connections", type=int, default=2000, help="held connections (2000)")
    parser.add_argument("--descriptors", type=int, default=4096, help="the server's limit of descriptors (4096)")
    given = parser.parse_args()
    command = [sys.executable, "-m", "lmcompare.cli", "serve", given.run, "--port", "0"]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given.descriptors, given.descriptors))

    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, preexec_fn=limit) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = re.search(r"127\.0\.0\.1:(\d+)/\?token=(\S+)", process.stdout.readline())
        assert address is not None
        port, token = int(address[1]), address[2]
        print("alone:  ", measured(port, token))
        part = given.connections // HOLDERS
        holders = [multiprocessing.Process(target=hold, args=(port, part), daemon=True) for _ in range(HOLDERS)]
        for holder in holders:
            holder.start()
        time.sleep(5)
        print("beside: ", measured(port, token))
        for holder in holders:
            holder.kill()
        time.sleep(6)
        print("after:  ", measured(port, token))
        process.send_signal(signal.SIGINT)
        process.wait(30)
        print(f"the server has written {len(process.stderr.read()):,} characters to the terminal")


if __name__ == "__main__":
    main()
