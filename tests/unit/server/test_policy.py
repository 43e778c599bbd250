"""The headers that a bus is served with."""

import pytest

from bus.settings import Settings
from host.server import dictionary
from host.server.policy import content_security_policy, headers, headers_file


def settings(
    origins: list[str] | tuple[str] = ("https://app.example.com",),
    exchange_url: str = "https://api.example.com/sso/exchange",
) -> Settings:
    return Settings.model_validate(
        {"allowed_origins": list(origins), "sso": {"exchange_url": exchange_url}}
    )


def directives(policy: str) -> dict[str, list[str]]:
    parts = [part.split() for part in policy.split(";")]
    found = {name: sources for name, *sources in parts}
    assert len(found) == len(parts)
    return found


def test_the_policy() -> None:
    assert directives(
        content_security_policy(settings(["https://a.example", "http://localhost:8000"]))
    ) == {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'wasm-unsafe-eval'"],
        "connect-src": ["'self'", "https://api.example.com"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
        "frame-ancestors": ["https://a.example", "http://localhost:8000"],
    }


def test_the_import_map_is_allowed_by_its_hash() -> None:
    policy = content_security_policy(settings(), "'sha256-x'")
    assert directives(policy)["script-src"] == ["'self'", "'sha256-x'", "'wasm-unsafe-eval'"]
    assert headers(settings(), [], "'sha256-x'")["/*"]["Content-Security-Policy"] == policy


def test_the_policy_in_the_page_is_the_same_but_for_what_has_no_effect_there() -> None:
    whole = directives(content_security_policy(settings()))
    del whole["frame-ancestors"]
    assert directives(content_security_policy(settings(), in_page=True)) == whole


@pytest.mark.parametrize(
    "word", ["'unsafe-eval'", "'unsafe-inline'", "*", "data:", "blob:", "http:", "https:"]
)
def test_nothing_is_let_in_that_lets_in_all(word: str) -> None:
    sources = [s for of in directives(content_security_policy(settings())).values() for s in of]
    assert word not in sources


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://API.example.com:443/x;y?z='self'", "https://api.example.com"),
        ("http://localhost:8002/sso", "http://localhost:8002"),
        ("https://\u00fc.example/", "https://xn--tda.example"),
    ],
)
def test_only_the_backends_origin_is_let_in(url: str, origin: str) -> None:
    assert directives(content_security_policy(settings(exchange_url=url)))["connect-src"] == [
        "'self'",
        origin,
    ]


def test_what_never_changes_is_immutable_and_the_page_is_asked_for_anew() -> None:
    rules = headers(settings(), ["bus-1", "python-2"])
    assert (
        rules["/bus-1/*"]
        == rules["/python-2/*"]
        == {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Access-Control-Allow-Origin": "*",
        }
    )
    assert rules["/bus-1/snapshot.bin"] == dictionary.USE
    assert not [path for path in rules if path.startswith("/python-2/") and path != "/python-2/*"]
    page = {"Cache-Control": "no-cache"}
    assert (
        rules["/"]
        == rules["/index.html"]
        == rules["/errors.html"]
        == rules["/warm.html"]
        == rules["/sbom.cdx.json"]
        == page
    )
    assert "Cache-Control" not in rules["/*"]
    # The page itself holds the settings, and is for nobody to read.
    assert "Access-Control-Allow-Origin" not in rules["/*"] | rules["/"] | rules["/index.html"]


def test_what_every_file_comes_with() -> None:
    everywhere = headers(settings(), [])["/*"]
    assert everywhere["Content-Security-Policy"] == content_security_policy(settings())
    assert everywhere["Referrer-Policy"] == "no-referrer"
    assert everywhere["X-Content-Type-Options"] == "nosniff"
    assert everywhere["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert everywhere["Cross-Origin-Embedder-Policy"] == "require-corp"
    features = everywhere["Permissions-Policy"].split(", ")
    assert features == sorted(set(features))
    assert all(feature.endswith("=()") for feature in features)
    # X-Frame-Options would keep every host out; frame-ancestors says it better.
    assert "X-Frame-Options" not in everywhere


def test_the_headers_file() -> None:
    text = headers_file({"/*": {"A": "1", "B": "2"}, "/x/*": {"C": "3: 4"}})
    assert text == "/*\n  A: 1\n  B: 2\n/x/*\n  C: 3: 4\n"
