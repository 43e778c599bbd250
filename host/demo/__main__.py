"""`python -m host.demo`: builds the bus, then serves host, bus and identity provider."""

import argparse
import asyncio
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from bus.settings import Settings
from bus.settings.session import SessionSettings
from host.demo.accesslog import AccessLog
from host.demo.dev import DevBus
from host.demo.hostapp import Bus, Session, host_app
from host.demo.listen import Place, PortError, close, listen
from host.demo.oidc import Client, ProviderError, ensure_installed, oidc_provider
from host.demo.provider import Times, provider_app
from host.demo.serve_all import Served, serve_all
from host.demo.storage import DENIED, without_storage
from host.demo.tokens import FAST_LIFETIME, ID_TOKEN_LIFETIME
from host.demo.trouble import Trouble
from host.server.config import ConfigError
from host.server.serve import bus_files
from host.tools.paths import ROOT
from host.tools.runtime import ensure_runtime
from host.tools.site import build

CLIENT_ID = "demo-host"
TIME_LIMIT = 6
"""Seconds that the demo's bus gives the backend."""

say = partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo until Ctrl-C; the exit status: 0 after a clean stop, 2 if it could not start."""
    options = _options(arguments)
    places = {
        "host": Place("host app", "localhost", options.host_port, "--host-port"),
        "bus": Place("bus", "127.0.0.1", options.bus_port, "--bus-port"),
        "provider": Place(
            "identity provider and backend", "localhost", options.provider_port, "--provider-port"
        ),
    }
    sockets: dict[str, list[socket.socket]] = {}
    try:
        for party, place in places.items():
            sockets[party] = listen(place)
        ensure_runtime(lambda line: say(f"  {line}"))
        if options.provider == "oidc":
            close(sockets.pop("provider"))  # the provider is a process of its own and takes it now
            with _oidc_provider(places, _lifetime(options)) as issuer:
                asyncio.run(_serve(places, sockets, _bus(places, options, issuer), options))
        else:
            asyncio.run(_serve(places, sockets, _bus(places, options), options))
    except (
        *(PortError, ProviderError, ConfigError),
        *(FileExistsError, subprocess.CalledProcessError),
    ) as error:
        print(f"host.demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass  # before the servers took the signal over: nothing is running yet
    finally:
        for taken in sockets.values():
            close(taken)
    say("Stopped.")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m host.demo", description="Serve the demo's three parties on loopback."
    )
    parser.add_argument(
        "--host-port", type=_port, default=8000, metavar="PORT", help="host app (8000)"
    )
    parser.add_argument("--bus-port", type=_port, default=8001, metavar="PORT", help="bus (8001)")
    parser.add_argument(
        "--provider-port",
        type=_port,
        default=8002,
        metavar="PORT",
        help="identity provider and backend (8002)",
    )
    parser.add_argument(
        "--provider",
        choices=("json", "oidc"),
        default="json",
        help="a stand-in with a backend of its own (json), or a real OpenID Connect provider (oidc)",
    )
    parser.add_argument(
        "--bus-dir", type=Path, metavar="DIR", help="serve this built bus instead of building one"
    )
    parser.add_argument(
        "--dev",
        action="store_true",
        help="serve the bus unbuilt, with the settings in pyscript.toml: edit a file, reload, see",
    )
    parser.add_argument(
        "--fast",
        action="store_true",
        help=f"let ID tokens live for {FAST_LIFETIME} seconds, to watch refreshes and expiry",
    )
    parser.add_argument("--open", action="store_true", help="open the host app in a browser")
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="log the requests of all three, not the provider's alone",
    )
    options = parser.parse_args(arguments)
    ports = {
        "--host-port": options.host_port,
        "--bus-port": options.bus_port,
        "--provider-port": options.provider_port,
    }
    for option, port in ports.items():
        if list(ports.values()).count(port) > 1:
            parser.error(f"port {port} is given to more than one party: change {option}")
    if options.fast and (options.dev or options.bus_dir):
        parser.error("--fast is about the session of a bus that the demo has built")
    if options.bus_dir and not (options.bus_dir / "index.html").is_file():
        parser.error(f"--bus-dir {options.bus_dir} holds no index.html")
    if options.dev and options.provider == "oidc":
        parser.error("--dev takes its provider from pyscript.toml: leave --provider out")
    return options


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text} is not a number between 1 and 65535")
    return int(text)


def _lifetime(options: argparse.Namespace) -> int:
    return FAST_LIFETIME if options.fast else ID_TOKEN_LIFETIME


def _oidc_provider(places: dict[str, Place], lifetime: int) -> AbstractContextManager[str]:
    ensure_installed(lambda line: say(f"  {line}"))
    host = places["host"].origin
    return oidc_provider(
        Client(CLIENT_ID, f"{host}/callback", f"{host}/"),
        port=places["provider"].port,
        bus_origin=places["bus"].origin,
        lifetime=lifetime,
        say=say,
    )


def _bus(
    places: dict[str, Place], options: argparse.Namespace, issuer: str | None = None
) -> ASGIApp:
    if options.dev:
        return DevBus()
    return bus_files(options.bus_dir or _built(places, issuer))


def _built(places: dict[str, Place], issuer: str | None) -> Path:
    """Build a bus for this host and this backend; each set of ports has a folder of its own."""
    ports = [str(place.port) for place in places.values()]
    out = ROOT / ".runtime" / "demo" / "-".join([*ports, *(["oidc"] if issuer else [])])
    at = places["provider"].origin
    host = places["host"].origin
    oidc = {
        "sso": {
            "provider": "oidc",
            "issuer": issuer,
            "client_id": CLIENT_ID,
            "company_claim": "org",
            # A refresh token needs consent (OpenID Connect Core 1.0, 11).
            "authorization_params": {"prompt": "consent"},
        },
        "session": {"post_logout_redirect_uri": f"{host}/"},
    }
    backend = {
        "sso": {"provider": "json", "exchange_url": f"{at}/sso/exchange"},
        "session": {"refresh_url": f"{at}/sso/refresh", "revoke_url": f"{at}/sso/revoke"},
        "password": {"sign_in_url": f"{at}/sign-in"},
    }
    settings = Settings.model_validate(
        {
            "allowed_origins": [host],
            "request_timeout_seconds": TIME_LIMIT,
            **(oidc if issuer else backend),
        }
    )
    say("Building the bus …")
    build(settings, out, say=lambda line: say(f"  {line}"), debug=True)  # for the inspector
    without_storage(out)
    return out


async def _serve(
    places: dict[str, Place],
    sockets: dict[str, list[socket.socket]],
    bus_app: ASGIApp,
    options: argparse.Namespace,
) -> None:
    host, bus, provider = places["host"], places["bus"], places["provider"]
    oidc = options.provider == "oidc"
    trouble = Trouble()
    # A bus that was built elsewhere has the settings that it was built with, and maybe no session.
    ours = not (options.dev or options.bus_dir)
    session = Session(
        SessionSettings().refresh_margin_seconds,
        None if oidc else trouble,  # that provider is real, and does not fail on demand
        f"{bus.origin}/{DENIED}",
    )
    apps: dict[str, ASGIApp] = {
        "host": host_app(
            bus=Bus(f"{bus.origin}/", session if ours else None),
            provider=provider.origin,
            client_id=CLIENT_ID,
            oidc=oidc,
        ),
        "bus": bus_app,
        "provider": provider_app(
            issuer=provider.origin,
            clients={CLIENT_ID: [f"{host.origin}/callback"]},
            bus_origin=bus.origin,
            trouble=trouble,
            times=Times(_lifetime(options)),
        ),
    }
    for party in sockets if options.verbose else sockets.keys() & {"provider"}:
        apps[party] = AccessLog(apps[party], party, say)

    def up() -> None:
        for place in places.values():
            say(f"  {place.origin}  {place.party}")
        if options.dev:
            say("The bus is served unbuilt: edit a file in bus/, reload the page, see the change.")
        say(f"Open {host.origin} in a browser. Ctrl-C stops all three.")
        if options.open:
            webbrowser.open(host.origin)

    await serve_all([Served(apps[party], sockets[party]) for party in sockets], up=up)


if __name__ == "__main__":
    sys.exit(main())
