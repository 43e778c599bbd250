"""Requests that get an answer, and those that get none: each says why, within the time limit."""

import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from host.tools.check.asking import Answer, Asker, Failure, browsers_like
from tests.unit.tools.check.site import Page, asker, site


def failed(ask: Asker, url: str) -> Failure:
    found = ask("GET", url, {})
    assert isinstance(found, Failure)
    return found


def answered(ask: Asker, url: str) -> Answer:
    found = ask("GET", url, {})
    assert isinstance(found, Answer), found
    return found


def test_an_answer_and_what_was_said_before_it() -> None:
    said: list[str] = []
    with site() as server:
        server.pages["POST /a?b=c"] = Page(418, b"tea", {"X-A": "1"})
        found = asker(said.append)("POST", server["/a?b=c"], {"X-B": "2"}, "body")
    assert isinstance(found, Answer)
    assert (found.status, found.body, found.headers["x-a"]) == (418, b"tea", "1")
    assert found.tls is None
    assert said == [f"POST {server['/a?b=c']}"]
    [seen] = server.seen
    assert (seen.body, seen.headers["x-b"]) == ("body", "2")
    assert seen.headers["user-agent"].startswith("sso-bus-check/")


def test_redirects_are_not_followed() -> None:
    with site() as server:
        server.pages["GET /"] = Page(302, headers={"Location": "/next"})
        assert answered(asker(), server["/"]).redirects
    assert [seen.path for seen in server.seen] == ["/"]


def test_a_body_that_is_too_large_is_not_kept() -> None:
    with site() as server:
        server.pages["GET /fits"] = Page(body=b" " * 2**20)
        server.pages["GET /large"] = Page(body=b" " * (2**20 + 1))
        assert len(answered(asker(), server["/fits"]).body or b"") == 2**20
        assert answered(asker(), server["/large"]).body is None


def test_a_refused_connection_is_asked_for_once() -> None:
    with site() as server:
        pass
    said: list[str] = []
    ask = asker(said.append)
    first, second = failed(ask, server["/"]), failed(ask, server["/other"])
    assert "nothing listens" in first.problem
    assert (first.again, second.again) == (False, True)
    assert len(said) == 1


def test_a_name_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found = failed(asker(), "https://id.exmaple.com/")
    assert found.problem == "the name id.exmaple.com is not known here (DNS)"
    assert "spelling" in found.change


@pytest.mark.parametrize("stuck", ["resolver", "server"])
def test_nothing_hangs(stuck: str, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    real = socket.getaddrinfo

    def slow(*args: Any, **kwargs: Any) -> Any:
        let_go.wait(10)
        return real(*args, **kwargs)

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not let_go.wait(0.02):  # each byte comes in time, the whole never does
            handler.wfile.write(b" ")

    with site() as server:
        server.pages["GET /"] = drip
        if stuck == "resolver":
            monkeypatch.setattr(socket, "getaddrinfo", slow)
        started = time.monotonic()
        found = failed(asker(time_limit=0.3), server["/"])
        took = time.monotonic() - started
        let_go.set()
    assert found.problem == "no whole answer within 0.3 seconds"
    assert took < 5


@pytest.mark.parametrize("proxy", ["gopher://proxy.example", "socks5://proxy.example"])
def test_a_proxy_of_an_unknown_kind(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", proxy)  # the lower-case name wins
    found = failed(asker(), "https://id.example.com/")
    assert "proxy" in found.problem
    assert "ALL_PROXY" in found.change


def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with site() as proxy:  # which knows no CONNECT
        monkeypatch.setenv("https_proxy", proxy.origin)
        monkeypatch.setenv("no_proxy", "")
        found = failed(asker(), "https://id.example.com/")
        assert "501" in found.problem
        own = asker()("GET", proxy["/"].replace("http:", "https:"), {})
    assert isinstance(own, Failure)
    assert "proxy" not in own.problem  # none is asked for this machine


def test_what_is_no_http() -> None:
    def hangs_up(handler: Any) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")

    with site() as server:
        server.pages["GET /"] = hangs_up
        assert "not HTTP" in failed(asker(), server["/"]).problem


def test_plain_http_where_https_was_expected() -> None:
    with site() as server:
        https = server["/"].replace("http:", "https:")
        found = failed(asker(), https)
    assert "no TLS with" in found.problem
    assert "https" in found.change


def test_a_certificate_that_browsers_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, days=100) as server:
        server.pages["GET /"] = Page()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        found = answered(asker(tls=browsers_like()), server["/"])
    assert found.tls is not None
    assert found.tls.version.startswith("TLSv1.")
    assert found.tls.ends_at - time.time() == pytest.approx(100 * 86_400, abs=60)


@pytest.mark.parametrize(
    ("how", "trusted", "words"),
    [
        ({}, False, ("self-signed certificate", "SSL_CERT_FILE")),
        ({"days": -1}, True, ("certificate has expired", "Renew it.")),
        ({"host": "other.example"}, True, ("not valid for 'localhost'", "names localhost:")),
    ],
)
def test_certificates_that_they_refuse(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: dict[str, Any],
    trusted: bool,
    words: tuple[str, str],
) -> None:
    with site(tmp_path, **how) as server:
        server.pages["GET /"] = Page()
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        found = failed(asker(tls=None), server["/"])
    assert words[0] in found.problem
    assert words[1] in found.change
    assert not server.seen


def test_what_goes_wrong_in_the_thread_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr("host.tools.check.asking.httpx.Client", broken)
    with pytest.raises(KeyError):
        asker()("GET", "http://localhost:1/", {})


def test_strictness_that_browsers_do_not_share_is_off() -> None:
    assert not browsers_like().verify_flags & ssl.VERIFY_X509_STRICT
