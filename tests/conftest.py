"""Options of the test suite."""

import signal


def pytest_addoption(parser):
    parser.addoption("--golden", choices=("check", "write"), default="check",
                     help="write the golden files anew instead of comparing with them")  # fmt: skip


def pytest_configure():
    """Let Ctrl-C through: a shell starts its background jobs with SIGINT ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
