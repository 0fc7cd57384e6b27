"""Options of the test suite."""

import signal
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--golden", choices=("check", "write"), default="check",
                     help="write the golden files anew instead of comparing with them")  # fmt: skip


def pytest_configure():
    """Let Ctrl-C through: a shell starts its background jobs with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the tests that share a cluster in one process, where there are several."""
    for item in items:
        if Path(__file__).parent / "cluster" in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("cluster"))
