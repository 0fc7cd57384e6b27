"""Options of the test suite."""


def pytest_addoption(parser):
    parser.addoption("--golden", choices=("check", "write"), default="check",
                     help="write the golden files anew instead of comparing with them")  # fmt: skip
