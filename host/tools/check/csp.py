"""Whether a page's Content-Security-Policy lets it embed the bus (CSP Level 3)."""

import contextlib
import re
from html.parser import HTMLParser
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_SOURCE: Final = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<host>\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*)"
    r"(?::(?P<port>\d+|\*))?(?P<path>/.*)?",
    re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_FALLBACKS: Final = ("frame-src", "child-src", "default-src")
"""The directives for frames; the first one that a policy has decides (CSP, 6.8.3, "Get fetch directive fallback list")."""

_MOST_MARKUP: Final = 131_072
"""How many characters of a page are searched for its head."""

Policy = dict[str, list[str]]


def policies_in(headers: list[str], page: str) -> list[Policy]:
    """Return the policies of a page, from its headers and from its `meta` elements; all hold at once."""
    found = [parse(text) for header in headers for text in header.split(",")]
    metas = _Metas()
    with contextlib.suppress(AssertionError):  # some Pythons raise it for malformed declarations
        metas.feed(page[:_MOST_MARKUP])
    for text in metas.policies:
        policy = parse(text)
        policy.pop("sandbox", None)  # has no effect there (HTML, "http-equiv")
        found.append(policy)
    return found


def parse(text: str) -> Policy:
    """Return a policy's directives; of two with one name, the first counts (CSP, 2.2.1)."""
    policy: Policy = {}
    for directive in text.split(";"):
        name, *values = directive.split() or [""]
        if name:
            policy.setdefault(name.lower(), values)
    return policy


def forbidding(policy: Policy, page: str, bus: str) -> str | None:
    """Return the directive that keeps a page at one URL from embedding the bus at another, or None."""
    name = next((name for name in _FALLBACKS if name in policy), None)
    if name is None or any(
        _matches(source, urlsplit(page), urlsplit(bus)) for source in policy[name]
    ):
        return None
    return name


def sandbox_problem(policy: Policy) -> str | None:
    """Return what the page needs for the bus and a policy's sandbox forbids, or None."""
    tokens = [token.lower() for token in policy.get("sandbox", [])]
    if "sandbox" not in policy:
        return None
    for token, why in (
        ("allow-scripts", "no script runs"),
        ("allow-same-origin", "the page has no origin that could be listed"),
    ):
        if token not in tokens:
            return f"sandbox has no {token}: {why}"
    return None


def _matches(source: str, page: SplitResult, bus: SplitResult) -> bool:
    """Whether a source expression matches a URL (CSP, 6.7.2.8)."""
    if source == "*":
        return True  # any http or https URL
    if source.lower() == "'self'":
        return page[:2] == bus[:2]  # scheme, host and port
    if re.fullmatch(r"[a-z][a-z0-9+.-]*:", source, re.IGNORECASE):
        return _scheme(source[:-1].lower(), bus.scheme)
    parts = _SOURCE.fullmatch(source)
    if parts is None:  # a keyword, a hash, a nonce, or nothing that a browser reads
        return False
    return (
        _scheme((parts["scheme"] or page.scheme).lower(), bus.scheme)
        and _host(parts["host"].lower(), bus.hostname or "")
        and _port_matches(parts["port"], bus)
        and _path(parts["path"] or "", bus.path)
    )


def _scheme(wanted: str, scheme: str) -> bool:
    return wanted == scheme or (wanted, scheme) == ("http", "https")


def _host(pattern: str, host: str) -> bool:
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return host == pattern


def _port(url: SplitResult) -> int | None:
    return url.port or _DEFAULT_PORTS.get(url.scheme)


def _port_matches(wanted: str | None, bus: SplitResult) -> bool:
    if wanted in (None, "*"):
        return wanted == "*" or _port(bus) == _DEFAULT_PORTS.get(bus.scheme)
    return int(str(wanted)) == _port(bus) or (wanted, _port(bus)) == ("80", 443)


def _path(wanted: str, path: str) -> bool:
    wanted, path = unquote(wanted), unquote(path)
    return not wanted or (path.startswith(wanted) if wanted.endswith("/") else path == wanted)


class _Metas(HTMLParser):
    """Collects the policies in a page's head; elsewhere they have no effect."""

    def __init__(self) -> None:
        super().__init__()
        self.policies: list[str] = []
        self._in_head = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the policy of a `meta` element."""
        of = {name: value or "" for name, value in attrs}
        if tag == "body":
            self._in_head = False
        elif tag == "meta" and of.get("http-equiv", "").lower() == "content-security-policy":
            self.policies += [of.get("content", "")] if self._in_head else []

    def handle_endtag(self, tag: str) -> None:
        """Stop at the end of the head."""
        self._in_head = self._in_head and tag != "head"
