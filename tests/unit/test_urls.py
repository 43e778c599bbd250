"""Which URLs and origins are acceptable."""

import pytest

from bus.urls import (
    is_loopback,
    origin_of,
    origin_problem,
    policy_problem,
    redirect_url_problem,
    url_problem,
)
from tests.unit.url_samples import BAD_URLS, GOOD_URLS, NOT_ASCII, OTHERWISE_WRITTEN


@pytest.mark.parametrize("url", GOOD_URLS)
def test_good_urls(url: str) -> None:
    assert url_problem(url) is None


@pytest.mark.parametrize(("url", "word"), BAD_URLS.items())
def test_bad_urls(url: str, word: str) -> None:
    assert word in (url_problem(url) or "")


@pytest.mark.parametrize(
    "url", [u.replace("app", "MARK").replace("user", "MARK") for u in BAD_URLS]
)
def test_a_problem_holds_nothing_of_the_url(url: str) -> None:
    assert "MARK" not in (url_problem(url) or "")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example.com/x/y?z", "https://api.example.com"),
        ("https://api.example.com:443/", "https://api.example.com"),
        ("https://api.example.com:8443", "https://api.example.com:8443"),
        ("http://localhost:80/", "http://localhost"),
        ("http://127.1:8000/", "http://127.0.0.1:8000"),
        ("http://[0:0::1]:8000/", "http://[::1]:8000"),
        ("https://\u00fc.example/", "https://xn--tda.example"),
    ],
)
def test_the_origin_of_a_url_is_what_browsers_write(url: str, origin: str) -> None:
    assert origin_of(url) == origin
    assert origin_problem(origin) == policy_problem(url)


@pytest.mark.parametrize(("url", "written"), OTHERWISE_WRITTEN.items())
def test_the_host_of_a_redirect_url_is_written_as_it_is_serialised(url: str, written: str) -> None:
    assert "serialises" in (redirect_url_problem(url) or "")
    assert redirect_url_problem(written) is None


@pytest.mark.parametrize("url", NOT_ASCII)
def test_a_redirect_url_is_ascii(url: str) -> None:
    assert "ASCII" in (redirect_url_problem(url) or "")


@pytest.mark.parametrize("url", [url for url in GOOD_URLS if url.isascii() and "APP" not in url])
def test_redirect_urls(url: str) -> None:
    assert redirect_url_problem(url.replace("LOCALHOST", "localhost")) is None


@pytest.mark.parametrize(
    ("url", "word"), [(url, word) for url, word in BAD_URLS.items() if url.isascii()]
)
def test_what_is_no_url_is_no_redirect_url(url: str, word: str) -> None:
    assert word in (redirect_url_problem(url) or "")


@pytest.mark.parametrize(
    "url", ["https://%zz/", "https://a%zz.example/", "https://%/", "https://a%25b/"]
)
def test_a_host_with_a_percent_sign_that_is_none(url: str) -> None:
    assert redirect_url_problem(url) is not None


@pytest.mark.parametrize(
    "url",
    ["https://app.example.com", "http://localhost:5173", "http://127.0.0.1:5173", "https://1-a.example:8443",
     "https://192.0.2.1", "https://xn--tda.example", "https://intranet"],
)  # fmt: skip
def test_what_a_policy_can_name(url: str) -> None:
    assert policy_problem(url) is None


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://[::1]:5173", "use http://localhost:5173 or http://127.0.0.1:5173"),
        ("http://[::1]", "use http://localhost or http://127.0.0.1"),
        ("https://[::1]", "use https://localhost or https://127.0.0.1"),
        ("https://[2001:db8::1]:8443", "use a host name"),
        ("https://a_b.example.com", "letters, digits and hyphens"),
        ("https://a..b", "letters, digits and hyphens"),
        ("https://.a.example", "letters, digits and hyphens"),
        ("https://app.example.com.", "without a dot at the end"),
    ],
)
def test_what_no_policy_can_name(url: str, word: str) -> None:
    assert url_problem(url) is None
    assert word in (policy_problem(url) or "")
    assert origin_problem(url) == policy_problem(url)


BAD_ORIGINS = {
    "": "is not an origin",
    "*": "is not an origin",
    "null": "is not an origin",
    "https://*.example.com": "pattern",
    "https://app.example.com/": "https://app.example.com",
    "https://app.example.com/x": "https://app.example.com",
    "https://app.example.com?x": "https://app.example.com",
    "https://app.example.com:443": "https://app.example.com",
    "https://APP.example.com": "https://app.example.com",
    "HTTPS://app.example.com": "https://app.example.com",
    "https://\u00fc.example": "https://xn--tda.example",
    "http://127.1": "http://127.0.0.1",
    "http://app.example.com": "https",
    "https://u@app.example.com": "user info",
    "app.example.com": "absolute",
    "file://": "absolute",
    "https://app.example.com ": "space",
    "https://a.example,https://b.example": "",
    "https://a.example https://b.example": "space",
    "https://a.example;script-src": "host",
    "https://a.example,b.example": "host",
}


@pytest.mark.parametrize(("origin", "word"), BAD_ORIGINS.items())
def test_bad_origins(origin: str, word: str) -> None:
    problem = origin_problem(origin)
    assert problem is not None
    assert word in problem


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "a.b.localhost", "127.0.0.1", "127.255.0.9", "[::1]"]
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [None, "", "localhos", "localhost.", "example.com", "10.0.0.1", "[::2]", "0.0.0.0"]
)
def test_not_loopback(host: str | None) -> None:
    assert not is_loopback(host)
