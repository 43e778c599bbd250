"""Runs a real OpenID Connect provider, npm oidc-provider, in place of the demo's stand-in."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from host.demo.people import COMPANY
from host.tools.node import run_npm, start_node
from host.tools.paths import ROOT

SCRIPT = Path(__file__).parent / "oidc_provider.mjs"


class ProviderError(Exception):
    """The provider did not start; it has said why itself."""


def ensure_installed(say: Callable[[str], None]) -> None:
    """Get the provider's packages, by hash, if they are not there."""
    if not (ROOT / "node_modules/oidc-provider").exists():
        say("downloading the OpenID Connect provider (npm oidc-provider: 3 MB)")
        run_npm("ci", "--no-fund", "--no-audit", cwd=ROOT)


@dataclass(frozen=True)
class Client:
    """The one client of the provider."""

    id: str
    redirect_url: str
    logout_url: str
    """Where the provider sends the browser when its own session has ended."""


@contextmanager
def oidc_provider(
    client: Client, *, port: int, bus_origin: str, lifetime: int, say: Callable[[str], None]
) -> Iterator[str]:
    """Run the provider on a loopback port, and give its issuer.

    `lifetime`: seconds that an ID token is good. `say` gets a line for each request: method, path
    and status. Raises ProviderError.
    """
    options = {
        "port": port,
        "busOrigin": bus_origin,
        "claims": {"org": COMPANY},
        "lifetime": lifetime,
        "clients": [
            {
                "client_id": client.id,
                "redirect_uris": [client.redirect_url],
                "post_logout_redirect_uris": [client.logout_url],
                "alg": "ES256",
            }
        ],
    }
    process = start_node(str(SCRIPT), json.dumps(options), cwd=ROOT)
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise ProviderError("the provider has no pipes")
    reader = threading.Thread(target=_relay, args=(stdout, say))
    try:
        first = stdout.readline()
        if not first:
            raise ProviderError("the OpenID Connect provider did not start")
        reader.start()
        yield str(json.loads(first)["issuer"])
    finally:
        stdin.close()  # which ends it
        process.wait()
        if reader.ident:
            reader.join()
        stdout.close()


def _relay(lines: IO[str], say: Callable[[str], None]) -> None:
    for line in lines:
        say(f"provider  {line.rstrip()}")
