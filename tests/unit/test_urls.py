"""Which URLs and origins are acceptable."""

import pytest

from bus.urls import is_loopback, origin_of, origin_problem, url_problem

GOOD_URLS = [
    "https://app.example.com",
    "https://app.example.com/",
    "HTTPS://APP.example.com/Callback",
    "https://app.example.com:8443/a/b;c?x=1&y=%2F&z=%e4#"[:-1],
    "https://app.example.com/cb?state=a@b:c&next=https://x@y/",
    "https://app.example.com/@user",
    "https://app.example.com?x=@",
    "https://\u00fcml\u00e4ut.example/\u00fc?\u00e4",
    "https://192.0.2.1/cb",
    "https://[2001:db8::1]:8443/cb",
    "http://localhost",
    "http://localhost:3000/cb?code=1",
    "http://app.localhost:3000/",
    "http://127.0.0.1:8000/",
    "http://127.8.9.10/",
    "http://[::1]:8000/",
    "HTTP://LOCALHOST/",
]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_good_urls(url):
    assert url_problem(url) is None


BAD_URLS = {
    "": "absolute",
    "app.example.com": "absolute",
    "/callback": "absolute",
    "//app.example.com/": "absolute",
    "https:app.example.com": "absolute",
    "https:/app.example.com": "absolute",
    "https:///app.example.com": "absolute",
    "https://": "absolute",
    "ftp://app.example.com/": "absolute",
    "javascript:alert(1)": "absolute",
    "data:text/html,x": "absolute",
    "app://callback": "absolute",
    "xhttps://app.example.com/": "absolute",
    "https://app.example.com/#": "fragment",
    "https://app.example.com/#a": "fragment",
    "https://app.example.com#@": "fragment",
    "https://user@app.example.com/": "user info",
    "https://user:pass@app.example.com/": "user info",
    "https://@app.example.com/": "user info",
    "https://:@app.example.com/": "user info",
    "https://app.example.com@evil.example?x": "user info",
    "http://app.example.com/": "https",
    "http://localhost.example.com/": "https",
    "http://notlocalhost/": "https",
    "http://127.0.0.1.example.com/": "https",
    "http://192.168.0.1/": "https",
    "http://0.0.0.0/": "https",
    "http://[::]/": "https",
    "http://[::ffff:127.0.0.1]/": "https",
    "http://128.0.0.1/": "https",
    "https://app.example.com:99999/": "valid",
    "https://app.example.com:x/": "valid",
    "https://[::1/": "valid",
    "https://%00.example/": "valid",
    "https://a<b/": "valid",
    "https://*.example.com/": "host",
    "https://app.example.com;sandbox/": "host",
    "https://app.example.com,evil.example/": "host",
    "https://'none'/": "host",
    "https://app.example.com/a b": "space",
    " https://app.example.com/": "space",
    "https://app.example.com/ ": "space",
    "https://app.example.com/\n": "space",
    "https://app.exam\tple.com/": "space",
    "https://app.example.com/\0": "space",
    "https://app.example.com/\x7f": "space",
    "https://app.example.com\\@evil.example/": "backslash",
    "https:\\\\app.example.com": "backslash",
    "https://app.example.com/\u2028": "control",
    "https://app.example.com/\x85": "control",
}


@pytest.mark.parametrize(("url", "word"), BAD_URLS.items())
def test_bad_urls(url, word):
    assert word in url_problem(url)


@pytest.mark.parametrize(
    "url", [u.replace("app", "MARK").replace("user", "MARK") for u in BAD_URLS]
)
def test_a_problem_holds_nothing_of_the_url(url):
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
def test_the_origin_of_a_url_is_what_browsers_write(url, origin):
    assert origin_of(url) == origin
    assert origin_problem(origin) is None


BAD_ORIGINS = {
    "": "is no origin",
    "*": "is no origin",
    "null": "is no origin",
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
def test_bad_origins(origin, word):
    problem = origin_problem(origin)
    assert problem is not None
    assert word in problem


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "a.b.localhost", "127.0.0.1", "127.255.0.9", "[::1]"]
)
def test_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", [None, "", "localhos", "localhost.", "example.com", "10.0.0.1", "[::2]", "0.0.0.0"]
)
def test_not_loopback(host):
    assert not is_loopback(host)
