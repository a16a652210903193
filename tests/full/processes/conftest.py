"""The server of processes that are forked, and a small text with plug-ins."""

from tests.harness.conftest import place  # noqa: F401
from tests.test_fork_server import modules, server  # noqa: F401
