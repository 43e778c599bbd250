"""Which policies let a page embed the bus."""

import pytest

from host.tools.check.csp import forbidding, parse, policies_in, sandbox_problem

PAGE, BUS = "https://app.example.com/", "https://bus.example.com/sign-in/"


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "script-src 'none'",
        "default-src *",
        "default-src 'none'; frame-src https://bus.example.com",
        "default-src 'none'; child-src bus.example.com",
        "child-src 'none'; FRAME-SRC HTTPS://BUS.EXAMPLE.COM:443",
        "frame-src https:",
        "frame-src http://bus.example.com",
        "frame-src 'self' *.example.com:*",
        "frame-src https://bus.example.com/sign-in/",
        "frame-src https://bus.example.com/%73ign-in/",
        "frame-src https://bus.example.com/",
        "frame-src https://bus.example.com; frame-src 'none'",
    ],
)
def test_policies_that_allow_the_frame(policy: str) -> None:
    assert forbidding(parse(policy), PAGE, BUS) is None


@pytest.mark.parametrize(
    ("policy", "decides"),
    [
        ("default-src 'self'", "default-src"),
        ("default-src *; child-src 'none'", "child-src"),
        ("frame-src", "frame-src"),
        ("default-src *; child-src *; frame-src 'self'", "frame-src"),
        ("frame-src https://app.example.com", "frame-src"),
        ("frame-src https://bus.example.com:8443", "frame-src"),
        ("frame-src *.bus.example.com", "frame-src"),
        ("frame-src https://bus.example.com/other/", "frame-src"),
        ("frame-src https://bus.example.com/sign-in", "frame-src"),
        ("frame-src data: blob:", "frame-src"),
        ("frame-src 'unsafe-inline' 'nonce-abc'", "frame-src"),
        ("frame-src 'none'; frame-src *", "frame-src"),
    ],
)
def test_policies_that_forbid_it(policy: str, decides: str) -> None:
    assert forbidding(parse(policy), PAGE, BUS) == decides


def test_the_pages_own_scheme_and_port_count() -> None:
    page, bus = "http://localhost:8000/", "http://127.0.0.1:8001/"
    assert forbidding(parse("frame-src 127.0.0.1:8001"), page, bus) is None
    assert forbidding(parse("frame-src 'self'"), page, "http://localhost:8000/bus/") is None
    assert forbidding(parse("frame-src 127.0.0.1"), page, bus)
    assert forbidding(parse("frame-src bus.example.com"), PAGE, "http://bus.example.com/")


def test_markup_that_is_none_hides_no_policy_before_it() -> None:
    meta = "<meta http-equiv=Content-Security-Policy content=\"frame-src 'none'\">"
    assert policies_in([], f"{meta}<![x[ {meta}")[0] == {"frame-src": ["'none'"]}
    assert policies_in([], " " * 200_000 + meta) == []


def test_policies_come_from_headers_and_from_the_head() -> None:
    meta = '<META HTTP-EQUIV="content-security-policy" content="{}">'
    page = f"<head>{meta.format('child-src a, b; sandbox')}</head><body>{meta.format('img-src x')}"
    assert policies_in(["frame-src a, img-src b", "default-src c"], page) == [
        {"frame-src": ["a"]},
        {"img-src": ["b"]},
        {"default-src": ["c"]},
        {"child-src": ["a,", "b"]},
    ]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("sandbox", "allow-scripts"),
        ("sandbox allow-same-origin", "allow-scripts"),
        ("sandbox Allow-Scripts", "allow-same-origin"),
    ],
)
def test_sandboxes_that_leave_too_little(policy: str, words: str) -> None:
    assert words in str(sandbox_problem(parse(policy)))


@pytest.mark.parametrize("policy", ["", "sandbox allow-scripts allow-same-origin allow-forms"])
def test_no_sandbox_or_one_that_leaves_enough(policy: str) -> None:
    assert sandbox_problem(parse(policy)) is None
