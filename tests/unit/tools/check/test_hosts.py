"""Host pages that can embed the bus, and pages that cannot."""

import socket

import pytest

from host.tools.check.hosts import check_hosts
from host.tools.check.report import Part
from tests.unit.tools.check.site import Page, Site, asker, levels, row, site

BUS = "https://bus.example.com/"
CSP = "Content-Security-Policy"


def check(server: Site, *pages: str, bus: str | None = BUS) -> list[Part]:
    urls = [server[page] for page in pages]
    return check_hosts((server.origin,), urls, asker(), bus)


def page(policy: str, body: bytes = b"<p>") -> Page:
    return Page(200, body, {CSP: policy})


@pytest.mark.parametrize(
    "answer",
    [
        Page(200, b"<p>"),
        page("default-src 'self'; frame-src https://bus.example.com"),
        page("frame-src https:, script-src 'self'"),
    ],
)
def test_pages_that_may_embed_the_bus(answer: Page) -> None:
    with site() as server:
        server.pages["GET /"] = answer
        parts = check(server)
    assert row(parts, "frame").level == "ok"
    assert levels(parts) == ["TLS: warning"]  # a page on this machine
    assert server.seen[0].headers["accept"] == "text/html"


META = b"<head><meta http-equiv=Content-Security-Policy content=\"child-src 'self'\"></head>"


@pytest.mark.parametrize(
    ("answer", "what", "words"),
    [
        (page("default-src 'self'"), "frame", "default-src in the page's policy"),
        (page("frame-src https:, default-src 'none'"), "frame", "default-src"),
        (page("frame-src https:", META), "frame", "child-src"),
        (page("sandbox allow-scripts"), "sandbox", "allow-same-origin"),
    ],
)
def test_pages_that_may_not(answer: Page, what: str, words: str) -> None:
    with site() as server:
        server.pages["GET /"] = answer
        found = row(check(server), what)
    assert found.level == "error"
    assert words in found.found
    assert what != "frame" or "frame-src https://bus.example.com" in found.change


def test_without_the_bus_only_the_answer_counts() -> None:
    with site() as server:
        server.pages["GET /"] = page("default-src 'none'")
        parts = check(server, bus=None)
    assert {row.what for row in parts[0].rows} == {"TLS", "answer"}


def test_a_named_page_stands_in_for_the_front_page() -> None:
    with site() as server:
        server.pages["GET /in"] = Page()
        parts = check(server, "/in")
    assert [part.title for part in parts] == [f"Host page: {server['/in']}"]
    assert [seen.path for seen in server.seen] == ["/in"]


def test_redirects_within_the_origin_are_followed() -> None:
    with site() as server:
        server.pages["GET /"] = Page(302, headers={"Location": "/app?x=y"})
        server.pages["GET /app?x=y"] = page("frame-src 'none'")
        assert row(check(server), "frame").level == "error"


@pytest.mark.parametrize("place", ["https://www.example.com/?x=y", "http://public.example/"])
def test_a_redirect_that_leaves_the_origin(place: str) -> None:
    with site() as server:
        server.pages["GET /"] = Page(301, headers={"Location": place})
        found = row(check(server), "answer")
    assert found.level == "warning"
    assert place.partition("?")[0] in found.found
    assert "x=y" not in found.found
    assert "allowed_origins" in found.change


def test_a_redirect_to_what_is_no_address() -> None:
    with site() as server:
        server.pages["GET /"] = Page(302, headers={"Location": "https://["})
        found = row(check(server), "answer")
    assert (found.level, found.found) == ("warning", "a redirect to no address")


@pytest.mark.parametrize("status", [404, 503])
def test_a_page_that_is_not_there(status: int) -> None:
    with site() as server:
        server.pages["GET /"] = Page(status, headers={CSP: "default-src 'none'"})
        parts = check(server)
    assert row(parts, "answer").level == "warning"
    assert "PAGES=" in row(parts, "answer").change
    assert "frame: error" not in levels(parts)


def test_redirects_without_end() -> None:
    with site() as server:
        server.pages["GET /"] = Page(302, headers={"Location": "/"})
        assert row(check(server), "answer").level == "warning"
    assert len(server.seen) == 6


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with site() as server:
        pass
    assert row(check(server), "answer").level == "warning"  # started when it is needed

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = check_hosts(("https://app.exmaple.com",), [], asker(), BUS)
    assert row(found, "answer").level == "error"
