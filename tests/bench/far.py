"""The parties of a sign-in, as far from the browser as over a network, and on https."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Playwright

from tests.bench.network import Network, Speed
from tests.bench.provider import CLIENT, KEEP_ALIVE, SCOPE, Provider
from tests.bench.sessions import Session, session
from tests.e2e.support.certificate import self_signed
from tests.e2e.support.world import Server, World

REDIRECT = "https://app.example.com/"


class Far:
    """A world's host, buses and backend at new addresses, and an OpenID Connect provider."""

    def __init__(self, world: World, playwright: Playwright, network: Network) -> None:
        self._playwright = playwright
        self._world = world
        tls = self_signed(world.folder, "localhost")
        # Chromium keeps nothing in its cache from a server whose certificate is wrong, but for this flag.
        certificate = x509.load_pem_x509_certificate(Path(tls["ssl_certfile"]).read_bytes())
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        trusted = b64encode(sha256(key).digest()).decode()
        self._flags = [f"--ignore-certificate-errors-spki-list={trusted}"]
        self._servers = [
            Server(app, "localhost", **tls) for app in (world.pages, world.buses, world.backend.app)
        ]
        self.provider = Provider()
        self._servers.append(
            Server(self.provider, "localhost", timeout_keep_alive=KEEP_ALIVE, **tls)
        )
        host, bus, backend, provider = (network.relay(server.port) for server in self._servers)
        self.host = f"https://localhost:{host}"
        self.bus_origin = f"https://127.0.0.1:{bus}"
        self.exchange_url = f"https://localhost:{backend}/sso/exchange"
        self.provider.issuer = f"https://provider.localhost:{provider}"  # a site of its own

    def bus(self, name: str, change: Callable[[Path], None] | None = None, **more: Any) -> str:
        """Return the address of a built bus for this host and backend."""
        sso = {"exchange_url": self.exchange_url}
        settings = {"allowed_origins": [self.host], "sso": sso} | more
        self._world.bus(name, change=change, **settings)
        return f"{self.bus_origin}/{name}/"

    def oidc_bus(self, name: str) -> str:
        """Return the address of a built bus for this host and the provider, which takes the user from
        the ID token, as JavaScript SDKs do."""
        issuer = self.provider.issuer
        sso = {"provider": "oidc", "issuer": issuer, "client_id": CLIENT, "userinfo": False}
        return self.bus(name, sso=sso | {"connect_origins": [issuer]})

    def session(self) -> AbstractContextManager[Session]:
        """Start a Chromium with a new profile."""
        return session(self._playwright, "chromium", self.host, flags=self._flags)

    def sign_in(self, session: Session, module: str, src: str) -> float:
        """Return the milliseconds from the navigation to the callback page until the host has its user."""
        code = self._world.backend.answers()
        query = {"src": src, "code": code, "redirectUrl": REDIRECT}
        took: float = session.ask("comeBack", f"callback_{module}.js", query)
        assert len(self._world.backend.of(code)) == 1
        return took

    def sign_in_at_provider(self, session: Session, module: str, src: str) -> float:
        """Begin a sign-in at the provider; returns the milliseconds from the navigation to the callback
        page until the host has its user."""
        before = self.provider.signed_in
        settings = {"issuer": self.provider.issuer, "clientId": CLIENT, "scope": SCOPE, "src": src}
        took: float = session.ask("comeBack", f"callback_{module}.js", settings)
        assert self.provider.signed_in == before + 1
        return took

    def close(self) -> None:
        """Stop its servers."""
        for server in self._servers:
            server.stop()


@contextmanager
def far(world: World, playwright: Playwright, speed: Speed) -> Iterator[Far]:
    """Put the parties behind a network; raises RuntimeError if a browser does not notice it."""
    network = Network(speed)
    near = world.backend.bus_origin
    parties = Far(world, playwright, network)
    world.backend.bus_origin = parties.bus_origin
    try:
        with parties.session() as own:
            took = own.ask("roundTrip")
        if took < speed.round_trip * 1000 * 0.98:
            raise RuntimeError(f"a round trip took {took} ms: the network does not work")
        yield parties
    finally:
        world.backend.bus_origin = near
        parties.close()
        network.close()
