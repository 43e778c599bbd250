"""Checks URLs and origins with a parser that follows the URL standard."""

import re
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from pydantic_core import Url, ValidationError

# Characters that the URL standard's parser repairs silently: spaces, control characters, backslashes.
_REPAIRED = re.compile(r"[\x00-\x20\\\x7f-\x9f\u2028\u2029]")
# The URL standard allows more in hosts, such as ";" and "*", which have a meaning in a policy.
_HOST = re.compile(r"[a-z0-9_.-]+|\[[0-9a-f:]+\]")
# The hosts that a Content-Security-Policy can name (CSP Level 3, 2.3.1, "host-part"). It also allows
# "*", and in newer drafts a dot at the end, which not all browsers support.
_POLICY_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
# Written out, because newer versions of Python include ::ffff:127.0.0.1.
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def is_loopback(host: str | None) -> bool:
    """Whether `host` is this machine: localhost (RFC 6761, 6.3), 127.0.0.0/8 or [::1]."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in _LOOPBACK)


def url_problem(text: str) -> str | None:
    """Return what keeps `text` from being an absolute https URL, or None.

    `http:` is accepted on a loopback host. User info and fragments are refused (protocol.md,
    "Fields"; a redirect URI must not have a fragment, RFC 6749, 3.1.2).
    """
    if _REPAIRED.search(text):
        return "contains a space, a control character or a backslash"
    if not re.match(r"https?://[^/]", text, re.IGNORECASE):
        return "must be an absolute https URL"
    try:
        url = Url(text)
    except (ValidationError, ValueError):
        return "is not a valid URL"
    if not _HOST.fullmatch(url.host or ""):
        return "has a host that is neither a name nor an address"
    if "#" in text:
        return "must not have a fragment"
    if "@" in re.split(r"[/?]", text.split("://", 1)[1], maxsplit=1)[0]:
        return "must not have user info"
    if url.scheme != "https" and not is_loopback(url.host):
        return "must be https (http only on a loopback host)"
    return None


def redirect_url_problem(text: str) -> str | None:
    """Return what keeps `text` from being a redirect URL (protocol.md, "Fields"), or None.

    It must be ASCII, with the host as the URL standard serialises it, so that a comparison of texts
    gives the same result as a browser's comparison of URLs.
    """
    if not text.isascii():
        return "must be ASCII: encode the rest, as the URL standard's parser does"
    if problem := url_problem(text):
        return problem
    if _written_host(text) != Url(text).host:
        return "must have its host as the URL standard serialises it"
    return None


def _written_host(url: str) -> str:
    """Return the host of a URL that passed `url_problem`, as written in the URL."""
    authority = re.split(r"[/?]", url.split("://", 1)[1], maxsplit=1)[0]
    return re.sub(r":[0-9]*$", "", authority)


def policy_problem(url: str) -> str | None:
    """Return what keeps a policy from naming the host of a URL that passed `url_problem`, or None.

    The bus is served with a Content-Security-Policy that lists who may embed it and what it may
    fetch from. A browser ignores a source there that it cannot parse.
    """
    parsed = Url(url)
    host = parsed.host or ""
    if _POLICY_HOST.fullmatch(host):
        return None
    if not host.startswith("["):
        return (
            "has a host that no Content-Security-Policy can name: use one whose labels hold only "
            "letters, digits and hyphens, without a dot at the end"
        )
    instead = "a host name"
    if is_loopback(host):
        port = "" if parsed.port in (80, 443) else f":{parsed.port}"
        instead = " or ".join(f"{parsed.scheme}://{name}{port}" for name in _INSTEAD)
    return f"is at an IPv6 address, which no Content-Security-Policy can name: use {instead}"


_INSTEAD = ("localhost", "127.0.0.1")


def origin_of(url: str) -> str:
    """Return the origin of a URL that passed `url_problem`, as browsers write it."""
    parts = urlsplit(str(Url(url)))
    return f"{parts.scheme}://{parts.netloc}"


def origin_problem(text: str) -> str | None:
    """Return what keeps `text` from being an exact origin as browsers write it, or None.

    The bus's policy lists the origins, so an origin that no policy can name is refused too.
    """
    if text in ("*", "null", ""):
        return "is not an origin: list each host page's origin, such as https://app.example.com"
    if "*" in text:
        return "must not be a pattern: list each origin"
    if problem := url_problem(text):
        return problem
    exact = origin_of(text)
    if text != exact:
        return f"must be just the origin, as browsers write it: {exact}"
    return policy_problem(text)
