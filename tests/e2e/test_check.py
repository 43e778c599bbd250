"""`make check` against real providers and the demo's backend, as somebody runs it; no browser."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.demo.provider import provider_app
from host.tools.paths import ROOT
from tests.e2e.support.oidc import running
from tests.e2e.support.world import Server

BUS = "http://127.0.0.1:8001"
HOST = "http://localhost:1"
"""There is no server, and the check says so."""


def check(tmp_path: Path, sso: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = tmp_path / "my.toml"
    config.write_text(f'[bus]\nallowed_origins = ["{HOST}"]\n[bus.sso]\n{sso}\n')
    command = [sys.executable, "-m", "host.tools.check", "--config", str(config), *arguments]
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def found(done: subprocess.CompletedProcess[str]) -> set[str]:
    """What is not ok: the level, and what it is about."""
    rows = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith("  ")]
    return {f"{row[0]} {row[1]}" for row in rows if row[0] in ("error", "warning", "skipped")}


@pytest.fixture(scope="module", params=["oidc-provider", "authlib"])
def provider(request: pytest.FixtureRequest) -> Iterator[str]:
    """A provider's settings; it lets just the one bus read its answers."""
    with running(request.param, f"{HOST}/callback", BUS) as provider:
        yield f"""provider = "oidc"
issuer = "{provider.issuer}"
client_id = "{provider.client_id}"
[bus.session]"""


ON_THIS_MACHINE = {"warning TLS", "warning answer"}
"""The server, which is on plain http, and the host, where nobody is."""


def test_a_provider_that_a_bus_can_use(provider: str, tmp_path: Path) -> None:
    done = check(tmp_path, provider, "--bus", BUS)
    assert (done.returncode, found(done)) == (0, ON_THIS_MACHINE), done.stdout
    assert "Revocation endpoint: " in done.stdout


def test_a_provider_that_is_to_bind_tokens(provider: str, tmp_path: Path) -> None:
    done = check(
        tmp_path, provider.replace("[bus.session]", 'dpop = "all"\n[bus.session]'), "--bus", BUS
    )
    if 'client_id = "crm"' in provider:
        assert (done.returncode, found(done)) == (0, ON_THIS_MACHINE), done.stdout
        assert "POST is allowed, with dpop" in done.stdout
    else:  # Authlib's server does not take proofs
        assert done.returncode == 1
        assert "error DPoP" in found(done), done.stdout


def test_a_provider_that_does_not_know_this_bus(provider: str, tmp_path: Path) -> None:
    done = check(tmp_path, provider, "--bus", "http://127.0.0.1:8009")
    assert done.returncode == 1
    assert "error CORS" in found(done), done.stdout


def test_a_provider_that_does_not_know_the_client(provider: str, tmp_path: Path) -> None:
    unknown = provider.replace('client_id = "', 'client_id = "not-')
    done = check(tmp_path, unknown, "--bus", BUS)
    assert done.returncode == 1
    assert "error answer" in found(done), done.stdout
    assert "check client_id" in " ".join(done.stdout.split())


def test_a_provider_under_another_issuer(provider: str, tmp_path: Path) -> None:
    other = provider.replace('"\nclient_id', '/"\nclient_id')
    done = check(tmp_path, other, "--bus", BUS)
    assert (done.returncode, found(done)) == (1, {"error issuer"} | ON_THIS_MACHINE), done.stdout


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    clients = {"demo-host": [f"{HOST}/callback"]}
    server = Server(
        provider_app(issuer="http://localhost:1", clients=clients, bus_origin=BUS), "localhost"
    )
    at = server.origin
    yield f"""exchange_url = "{at}/sso/exchange"
[bus.session]
refresh_url = "{at}/sso/refresh"
revoke_url = "{at}/sso/revoke"
[bus.password]
sign_in_url = "{at}/sign-in"
"""
    server.stop()


def test_the_demos_backend(backend: str, tmp_path: Path) -> None:
    done = check(tmp_path, backend, "--bus", BUS)
    assert (done.returncode, found(done)) == (0, ON_THIS_MACHINE), done.stdout
    assert done.stdout.count("ok       answer") == 4


def test_the_demos_backend_asked_by_another_bus_or_elsewhere(backend: str, tmp_path: Path) -> None:
    moved = backend.replace("/exchange", "/elsewhere")
    done = check(tmp_path, moved, "--bus", "http://127.0.0.1:8009")
    wrong = {"error answer", "error preflight", "error CORS"}
    assert (done.returncode, found(done)) == (1, wrong | ON_THIS_MACHINE), done.stdout
    assert "404" in done.stdout
