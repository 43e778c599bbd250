"""Options of the test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine",
        action="append",
        choices=["chromium", "firefox", "webkit"],
        help="run the browser tests in this engine only; may be given more than once",
    )
