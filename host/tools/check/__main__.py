"""`python -m host.tools.check --config my.toml --bus https://bus.example.com/`. `make check` calls it."""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from bus.settings import Settings
from bus.settings.oidc import OidcSso
from bus.urls import origin_of, url_problem
from host.server.config import ConfigError, load_settings
from host.tools.check.asking import TIME_LIMIT, Asker
from host.tools.check.hosts import check_hosts
from host.tools.check.json_backend import check_backend
from host.tools.check.oidc import check_provider
from host.tools.check.report import Part, counts, printable, summary, table
from host.tools.check.servers import check_servers
from host.tools.paths import ROOT

_WIDTH = 110
"""The width of the table if the terminal's width is unknown."""
_MOST_SECONDS = 120


def check(settings: Settings, ask: Asker, bus: str | None, pages: list[str]) -> list[Part]:
    """Send all requests. `bus`: the bus's own address. `pages`: host pages other than the front pages."""
    origin = origin_of(bus) if bus else None
    parts = [_own_address(settings, bus)]
    if isinstance(settings.sso, OidcSso):
        parts += check_provider(settings.sso, ask, origin, session=settings.session is not None)
    else:
        parts += check_backend(settings, ask, origin)
    parts.append(check_servers(settings, ask))
    return parts + check_hosts(settings.allowed_origins, pages, ask, bus)


def _own_address(settings: Settings, bus: str | None) -> Part:
    part = Part(f"The bus: {bus or 'no address given'}")
    if bus is None:
        part.add(
            "skipped",
            "address",
            "CORS, preflights and the host pages' policies were not checked: they depend on the "
            "bus's address",
            "Give its address: make check BUS=https://bus.example.com/",
        )
    elif origin_of(bus) in settings.allowed_origins:
        part.add(
            "error",
            "origin",
            f"{origin_of(bus)} is one of allowed_origins: the host's pages could reach into the bus",
            "Give the bus an origin of its own.",
        )
    else:
        part.add("ok", "origin", "no host page shares it")
    return part


def main(arguments: list[str] | None = None) -> int:
    """Check, and print the table. Returns 1 if it holds an error, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m host.tools.check",
        description="Checks, before a bus is deployed, the provider or the backend in its settings, and "
        "the pages that will embed it. Sends no code, no token and no password.",
    )
    parser.add_argument(
        "--config", type=Path, default=ROOT / "pyscript.toml", help="a TOML file with a [bus] table"
    )
    parser.add_argument("--bus", help="the bus's own address, such as https://bus.example.com/")
    parser.add_argument(
        "--page",
        action="append",
        default=[],
        help="a page that embeds the bus, in place of its origin's front page; may be repeated",
    )
    parser.add_argument(
        "--time-limit",
        type=float,
        default=TIME_LIMIT,
        help=f"for each answer, in seconds (default: {TIME_LIMIT:g})",
    )
    args = parser.parse_args(arguments)
    try:
        settings = load_settings(args.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if problems := list(_misuse(settings, args.bus, args.page, args.time_limit)):
        print("\n".join(f"check: {problem}" for problem in problems), file=sys.stderr)
        return 2
    bus = _address(args.bus) if args.bus else None
    started = monotonic()
    try:
        ask = Asker(_say, time_limit=args.time_limit)
    except OSError as error:  # ssl.SSLError is one
        print(f"check: SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {error}", file=sys.stderr)
        return 2
    try:
        parts = check(settings, ask, bus, args.page)
    except KeyboardInterrupt:
        print("check: interrupted", file=sys.stderr)
        return 130
    print(table(parts, shutil.get_terminal_size((_WIDTH, 0)).columns), end="")
    print(f"\ncheck: {summary(parts)}, after {monotonic() - started:.1f} s")
    return 1 if counts(parts)["error"] else 0


def _misuse(
    settings: Settings, bus: str | None, pages: list[str], time_limit: float
) -> Iterator[str]:
    """Yield what is wrong with the arguments."""
    if not 0 < time_limit <= _MOST_SECONDS:
        yield f"--time-limit must be above 0, and at most {_MOST_SECONDS} seconds"
    if bus and (problem := url_problem(bus)):
        yield f"the bus's address {problem}: {bus}"
    elif bus and ("?" in bus or not _address(bus).endswith("/")):
        yield f"the bus's address must end with a slash and have no query: {bus}"
    for page in pages:
        if problem := url_problem(page):
            yield f"the host page's address {problem}: {page}"
        elif origin_of(page) not in settings.allowed_origins:
            yield f"{page} is not at one of bus.allowed_origins: {', '.join(settings.allowed_origins)}"


def _address(bus: str) -> str:
    """Return the bus's address; an origin alone means its root."""
    return bus if "/" in bus.partition("://")[2] else f"{bus}/"


def _say(line: str) -> None:
    # Not among what is found, so that the table can be kept alone.
    print(printable(f"check: {line}"), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
