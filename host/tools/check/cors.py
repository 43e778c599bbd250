"""Which answers a browser lets a page at the bus's origin read (Fetch standard, "CORS protocol").

The bus sends no cookies, so `*` is as good as its origin. Each function returns what is wrong, or None.
"""

from .asking import Answer


def hidden(answer: Answer, origin: str) -> str | None:
    """Return what keeps a page at `origin` from reading an answer (Fetch, "CORS check")."""
    allowed = answer.headers.get_list("access-control-allow-origin")
    if not allowed:
        return "has no Access-Control-Allow-Origin"
    if len(allowed) > 1 or "," in allowed[0]:
        return "has more than one Access-Control-Allow-Origin, which browsers refuse"
    if allowed[0] not in ("*", origin):
        return f"allows {allowed[0][:256]}, not {origin}"
    return None


def refused(answer: Answer, origin: str, headers: list[str]) -> str | None:
    """Return what keeps a browser from sending a request with these headers after this preflight.

    (Fetch, "CORS-preflight fetch".) The methods that the bus uses, GET and POST, need no permission.
    """
    if answer.redirects:
        return (
            f"is a redirect (status {answer.status}), which browsers do not accept for a preflight"
        )
    if not 200 <= answer.status <= 299:
        return f"has status {answer.status}; browsers accept only 200 to 299"
    if problem := hidden(answer, origin):
        return problem
    listed = ",".join(answer.headers.get_list("access-control-allow-headers")).lower().split(",")
    allowed = {name.strip() for name in listed}
    for name in headers:
        # The wildcard does not include this header (Fetch, "non-wildcard request-header name").
        if name not in allowed and ("*" not in allowed or name == "authorization"):
            return f"does not allow the header {name} (Access-Control-Allow-Headers)"
    return None


def exposed(answer: Answer, name: str) -> bool:
    """Whether a page may read a header, named in lower case, of an answer that it may read.

    (Fetch, "CORS-exposed header-name list".)
    """
    listed = ",".join(answer.headers.get_list("access-control-expose-headers")).lower().split(",")
    return not {name, "*"}.isdisjoint(each.strip() for each in listed)


def preflight_headers(origin: str, method: str, headers: list[str]) -> dict[str, str]:
    """Return what a browser sends with OPTIONS before a request with these headers."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(sorted(headers)),
    }
