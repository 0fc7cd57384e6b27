"""Options of the test suite."""

import signal


def pytest_addoption(parser):
    parser.addoption("--golden", choices=("check", "write"), default="check",
                     help="write the golden files anew instead of comparing with them")  # fmt: skip


def pytest_configure():
    """Let signals through: a shell's background jobs ignore SIGINT, and nohup ignores SIGHUP."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
