"""What a process does in which a function is called."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import uuid
from array import array
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from lmcompare.errors import LmcompareError, what_went_wrong

PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
PARENT = "LMCOMPARE_PARENT"  # the environment variable with the id of the process that started a child
MARK = "LMCOMPARE_MARKS"  # and the one with the marks of all processes between the first and this one


def environment_of(mark: str, variables: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment of a process that this one starts: its own, with other variables and one more mark."""
    marks = f"{os.environ.get(MARK, '')} {mark}".strip()
    return {**os.environ, **(variables or {}), PARENT: str(os.getpid()), MARK: marks}


def serve() -> None:
    """Call the function of the job file that the command line names: what a process does that was started for it."""
    end_quickly()
    serve_job(Path(sys.argv[1]))


def end_quickly() -> None:
    """End this process right after plug-ins' exit functions: tearing down all modules takes up to half a second."""
    atexit.register(os._exit, 0)


def serve_job(path: Path) -> None:
    """Call the function of a job file."""
    end_with(int(os.environ[PARENT]))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as for other signals: KeyboardInterrupt would blame the plug-in
    job = json.loads(path.read_text(encoding="utf-8"))
    if job["memory"] is not None:
        _limit_memory(job["memory"])
    with os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8") as channel:
        os.dup2(2, 1)  # what the function prints goes to standard error
        sys.stdout = sys.stderr

        def send(kind: str, value: Any) -> None:
            print(json.dumps([kind, value], default=_plain), file=channel)

        try:
            module, _, name = job["function"].partition(":")
            function = getattr(importlib.import_module(module), name)
            send("returned", function(lambda event: send("event", event), *job["arguments"]))
        except BaseException as error:  # whatever a plug-in raises, SystemExit included
            if job["traceback"]:
                with contextlib.suppress(OSError):  # the disk may be full: the error must be sent anyway
                    traceback.print_exc()
            expected = isinstance(error, LmcompareError)
            send("raised", {"sentence": str(error) if expected else what_went_wrong(error), "expected": expected})
            sys.exit(1)


def _limit_memory(size: int) -> None:
    """Limit this process, and each process that it starts, to this many bytes of memory, without mapped files."""
    if sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        size = size if hard == resource.RLIM_INFINITY else min(size, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def end_with(parent: int) -> None:
    """End this process as soon as its parent is gone, even if it is gone already.

    On Linux the kernel does it; elsewhere a thread looks every half second.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    if os.getppid() != parent:
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


def _plain(value: Any) -> Any:
    """Return a numpy or torch scalar as a Python number, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)


MADV_POPULATE_READ = 22  # of <linux/mman.h>, since Linux 5.14
PRESENT = 1 << 63  # in an entry of /proc/PID/pagemap

Pages = list[tuple[int, int]]  # the address and the number of bytes of each run of pages


def mapped_pages() -> Pages:
    """Return the pages of files that are resident in this process. Raises ``OSError`` where the system hides them."""
    size = os.sysconf("SC_PAGE_SIZE")
    found: Pages = []
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            place, access, _, _, inode, *_ = line.split()
            if inode == "0" or access[0] != "r":
                continue
            begin, end = (int(address, 16) for address in place.split("-"))
            entries = array("Q", os.pread(pagemap.fileno(), (end - begin) // size * 8, begin // size * 8))
            for address, entry in zip(range(begin, end, size), entries, strict=False):
                if not entry & PRESENT:
                    continue
                if found and sum(found[-1]) == address:
                    found[-1] = found[-1][0], found[-1][1] + size
                else:
                    found.append((address, size))
    return found


def map_pages(pages: Pages) -> None:
    """Map pages of files that the process from which this one was forked has mapped.

    They then count as its memory and take no time later, as in a process that has imported the libraries itself.
    Raises ``OSError`` where the system can't do it.
    """
    madvise = ctypes.CDLL(None, use_errno=True).madvise
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for address, size in pages:
        if madvise(address, size, MADV_POPULATE_READ):
            raise OSError(ctypes.get_errno(), "the pages of files can't be mapped")


SERVE = "from lmcompare.processes.forks import serve_forks; serve_forks()"
READY = b"ready"
LONGEST = 1e6  # seconds that the system can wait at once
STARTING = 60.0  # seconds that a server has to import its modules
MOST_BYTES = 1 << 16  # of a request
NUMBER = struct.Struct("q")  # the form in which a server sends the id of a process, and then its exit code
ENVIRONMENT = slice(47, 49)  # fields of /proc/PID/stat, counted after the name: the addresses of the environment


class ServerLostError(LmcompareError):
    """The server that had forked the process, or should have forked it, has ended."""

    def __init__(self) -> None:
        super().__init__("the process from which it was forked has ended: run the same command again")


class Forked:
    """A process that a server has forked, with the methods of a ``Popen``.

    Parameters
    ----------
    stdout : file
        What it sends.
    told : int
        The descriptor from which its id and its exit code are read.

    Raises
    ------
    ServerLostError
        If the server has ended.
    """

    def __init__(self, stdout: IO[bytes], told: int) -> None:
        self.stdout, self._told = stdout, told
        self._code: int | None = None
        self._lock = threading.Lock()
        self.is_lost = False
        if not (pid := os.read(told, NUMBER.size)):
            raise ServerLostError
        self.pid: int = NUMBER.unpack(pid)[0]

    def poll(self) -> int | None:
        """Return its exit code, None while it runs; if its server has ended, so has it, with the code of signal 9."""
        with self._lock:
            if self._code is None and _can_be_read(self._told, 0):
                told = os.read(self._told, NUMBER.size)
                self.is_lost = not told
                self._code = NUMBER.unpack(told)[0] if told else -signal.SIGKILL
            return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code. Raises ``TimeoutExpired`` after this many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
            _can_be_read(self._told, left)
        return code

    def terminate(self) -> None:
        """Ask the process to end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _can_be_read(descriptor: int, seconds: float | None) -> bool:
    """Wait until there is something to read, or about this many seconds; return whether there is."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(None if seconds is None else 1000 * min(seconds, LONGEST)))


class ForkServer:
    """A process that has imported modules, and from which others are forked.

    ``multiprocessing.forkserver`` is not used: it imports the user's main script into each process, and these could
    not be told apart by a mark in their environment.

    Parameters
    ----------
    function : str
        ``"module:function"``, which the server calls once. It imports the modules and returns whether processes can
        be forked from what it has imported.
    *arguments
        JSON values, with which it is called.
    variables : mapping
        Environment variables of the server, and of all that are forked from it.

    Raises
    ------
    ServerLostError
        If no processes can be forked from it.
    """

    def __init__(self, function: str, *arguments: Any, variables: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mark = uuid.uuid4().hex
        asked = {"function": function, "arguments": arguments, "socket": theirs.fileno(), "mark": mark}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", SERVE, json.dumps(asked)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=environment_of(mark, variables),
                start_new_session=True,
            )
        self._socket.settimeout(STARTING)
        answer = b""
        with contextlib.suppress(OSError):
            answer = self._socket.recv(len(READY))
        self._socket.settimeout(None)
        if answer != READY:
            self.close()
            raise ServerLostError

    @contextlib.contextmanager
    def fork(self, job: Path, mark: str, errors: IO[str]) -> Iterator[Forked]:
        """Fork a process that calls the function of a job file; its descriptors are closed with the ``with`` block.

        Parameters
        ----------
        job : Path
            The job file.
        mark : str
            The mark by which the process and all that it starts are found, as long as that of the server.
        errors : file
            Where its standard error goes.

        Raises
        ------
        ServerLostError
            If the server has ended.
        """
        sent, send = os.pipe()
        told, tell = os.pipe()
        with contextlib.ExitStack() as stack:
            stdout = stack.enter_context(os.fdopen(sent, "rb", buffering=0))
            stack.callback(os.close, told)
            try:
                request = json.dumps([str(job), mark]).encode()
                socket.send_fds(self._socket, [request], [send, errors.fileno(), tell])
            except OSError:
                raise ServerLostError from None
            finally:
                os.close(send)
                os.close(tell)
            yield Forked(stdout, told)

    def close(self) -> None:
        """End the server, and all processes that were forked from it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()


def serve_forks() -> None:
    """Import the modules, and fork processes as long as the caller is there: what a server does."""
    end_quickly()
    asked = json.loads(sys.argv[1])
    module, _, name = asked["function"].partition(":")
    is_fit = getattr(import_module(module), name)(*asked["arguments"])
    place = _place_of(asked["mark"].encode())
    with socket.socket(fileno=asked["socket"]) as requests:
        if not is_fit or place is None or threading.active_count() > 1:  # OpenBLAS ends its threads as it forks
            return
        gc.collect()
        gc.freeze()  # otherwise the first collection in each process would copy all objects of the modules
        pages = mapped_pages()
        map_pages(pages)  # raises an error now if forked processes could not map them
        requests.send(READY)
        job = _next_job(requests, place)
    map_pages(pages)
    serve_job(job)


def _place_of(mark: bytes) -> int | None:
    """Return the address of the mark in this process's environment as /proc shows it; None if it is not there."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    begin, end = map(int, fields[ENVIRONMENT])
    at = ctypes.string_at(begin, end - begin).find(mark) if begin else -1
    return None if at < 0 else begin + at


def _next_job(requests: socket.socket, place: int) -> Path:
    """Fork for each request; return in the forked process alone, with its job file.

    ``place``: the address of the mark in the environment.
    """
    server = os.getpid()
    running: dict[int, int] = {}  # the descriptors to which exit codes are written, by process id
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready = select.select([requests.fileno(), woken], [], [])[0]
        if woken in ready:
            os.read(woken, MOST_BYTES)
            _tell_ended(running)
        if requests.fileno() not in ready:
            continue
        request, received, *_ = socket.recv_fds(requests, MOST_BYTES, 3, socket.MSG_CMSG_CLOEXEC)
        if not request:  # the caller has ended, and the forked processes will end, too
            os._exit(0)
        send, errors, tell = received
        try:
            pid = os.fork()
        except OSError:  # too many processes: closing the descriptors tells the caller
            for descriptor in received:
                os.close(descriptor)
            continue
        if pid == 0:
            break
        os.close(send)
        os.close(errors)
        running[pid] = tell
        _tell(tell, pid)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(send, 1)
    os.dup2(errors, 2)
    for descriptor in (woken, wake, send, errors, tell, *running.values()):
        os.close(descriptor)
    job, mark = json.loads(request)
    before = os.environ[MARK]
    ctypes.memmove(place, mark.encode(), len(mark))
    os.environ[MARK] = before[: -len(mark)] + mark
    os.environ[PARENT] = str(server)
    _seed_numpy()
    return Path(job)


def _tell_ended(running: dict[int, int]) -> None:
    """Send the exit codes of the processes that have ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        if (tell := running.pop(pid, None)) is not None:  # None for a process that an import has started
            _tell(tell, os.waitstatus_to_exitcode(status))
            os.close(tell)


def _tell(descriptor: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # no caller waits for the number any more
        os.write(descriptor, NUMBER.pack(number))


def _seed_numpy() -> None:
    """Seed numpy's generator at random, as in a new process; Python does this for its own generator."""
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed()
