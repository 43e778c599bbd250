"""A backend that a bus can use, and the row for each kind of fault."""

from typing import Any

import pytest

from bus.settings import Settings
from host.tools.check.json_backend import check_backend
from host.tools.check.report import Part
from tests.unit.tools.check.site import BUS, Page, Site, asker, levels, row, site

PATHS = ("/exchange", "/refresh", "/revoke", "/sign-in")
PREFLIGHT = Page(204, headers={"Access-Control-Allow-Headers": "content-type"})
REFUSAL = Page(400, {"error": "invalid_request"})


def fill(server: Site) -> None:
    for path in PATHS:
        server.pages |= {f"OPTIONS {path}": PREFLIGHT, f"POST {path}": REFUSAL}


def check(server: Site, bus: str | None = BUS) -> list[Part]:
    exchange, refresh, revoke, sign_in = (server[path] for path in PATHS)
    settings = Settings.model_validate(
        {
            "allowed_origins": ["https://app.example.com"],
            "sso": {"exchange_url": exchange},
            "session": {"refresh_url": refresh, "revoke_url": revoke},
            "password": {"sign_in_url": sign_in},
        }
    )
    return check_backend(settings, asker(), bus)


def test_a_backend_without_a_fault() -> None:
    with site() as server:
        fill(server)
        server.pages["POST /revoke"] = Page(204)
        parts = check(server)
    assert levels(parts) == []
    assert [part.title for part in parts] == [
        f"bus.sso.exchange_url: {server['/exchange']}",
        f"bus.session.refresh_url: {server['/refresh']}",
        f"bus.session.revoke_url: {server['/revoke']}",
        f"bus.password.sign_in_url: {server['/sign-in']}",
    ]


def test_it_is_asked_as_the_bus_asks_and_gets_nothing_secret() -> None:
    with site() as server:
        fill(server)
        check(server)
    assert [f"{seen.method} {seen.path}" for seen in server.seen] == [
        f"{method} {path}" for path in PATHS for method in ("OPTIONS", "POST")
    ]
    for seen in server.seen:
        assert seen.headers["origin"] == BUS
        assert not {"authorization", "cookie"} & seen.headers.keys()
        if seen.method == "OPTIONS":
            assert seen.headers["access-control-request-method"] == "POST"
            assert seen.headers["access-control-request-headers"] == "content-type"
        else:
            assert (seen.body, seen.headers["content-type"]) == ("{}", "application/json")


def test_without_the_bus_nothing_is_said_of_cors() -> None:
    with site() as server:
        fill(server)
        parts = check(server, None)
    assert {seen.method for seen in server.seen} == {"POST"}
    assert not any("origin" in seen.headers for seen in server.seen)
    assert {row.what for part in parts for row in part.rows} == {"answer"}


@pytest.mark.parametrize(
    ("changes", "what", "level", "words"),
    [
        ({"POST": Page(404)}, "answer", "error", "404: it does not accept POST"),
        ({"POST": Page(405)}, "answer", "error", "405: it does not accept POST"),
        ({"POST": Page(415)}, "answer", "error", "refuses JSON"),
        ({"POST": Page(500)}, "answer", "warning", "status 500"),
        ({"POST": Page(200, {})}, "answer", "error", "status 200 to an empty request"),
        ({"POST": Page(403, b"<p>")}, "answer", "warning", "without JSON"),
        ({"POST": Page(307, headers={"Location": "/b?c=d"})}, "answer", "error", "/b; the bus"),
        ({"POST": Page(307, headers={"Location": "https://["})}, "answer", "error", "no address"),
        ({"POST": Page(400, {}, cors=None)}, "CORS", "error", "has no Access-Control-"),
        ({"POST": Page(400, {}, cors="https://x.example")}, "CORS", "error", "allows https://x"),
        ({"OPTIONS": Page(204)}, "preflight", "error", "header content-type"),
        ({"OPTIONS": Page(204, cors=None)}, "preflight", "error", "has no Access-Control-"),
        ({"OPTIONS": Page(405)}, "preflight", "error", "status 405"),
    ],
)
def test_each_fault_is_named(changes: dict[str, Any], what: str, level: str, words: str) -> None:
    with site() as server:
        fill(server)
        server.pages |= {f"{method} /exchange": page for method, page in changes.items()}
        parts = check(server)
    found = row(parts[0], what)
    assert (found.level, levels(parts)) == (level, [f"{what}: {level}"])
    assert words in found.found
    assert found.change


def test_a_server_that_is_down_is_an_error_once() -> None:
    with site() as server:
        pass
    parts = check(server)
    assert row(parts[0], "preflight").level == "error"
    assert levels(parts).count("preflight: error") == 1
    assert levels(parts).count("answer: error") == 0
    assert "see above" in row(parts[1], "answer").found
