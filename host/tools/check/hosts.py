"""Checks the pages that will embed the bus: whether they answer, and whether their policy allows it."""

from urllib.parse import urlsplit

from bus.urls import is_loopback, origin_of, url_problem

from . import csp
from .asking import Answer, Asker, Failure, without_query
from .report import Part
from .servers import look_at_tls

_MOST_REDIRECTS = 5
_NAME_IT = "Name the page that embeds the bus: PAGES={origin}/sign-in."


def check_hosts(
    origins: tuple[str, ...], pages: list[str], ask: Asker, bus: str | None
) -> list[Part]:
    """Return what there is to say about each page; of an origin that has none among them, about `/`.

    `bus` is the bus's own address.
    """
    named = {origin_of(page) for page in pages}
    urls = [*pages, *(f"{origin}/" for origin in origins if origin not in named)]
    return [_check_page(url, ask, bus) for url in urls]


def _check_page(url: str, ask: Asker, bus: str | None) -> Part:
    part, origin = Part(f"Host page: {url}"), origin_of(url)
    answer: Answer | Failure
    for _ in range(_MOST_REDIRECTS + 1):
        answer = ask("GET", url, {"Accept": "text/html"})
        if isinstance(answer, Failure) or not answer.redirects:
            break
        url = answer.target(url)
        if url_problem(url) or origin_of(url) != origin:
            part.add(
                "warning",
                "answer",
                f"a redirect to {without_query(url) or 'no address'}",
                "If your app is there, list that origin in allowed_origins. Otherwise: "
                + _NAME_IT.format(origin=origin),
            )
            return part
    _judge(part, answer, origin, url, bus)
    return part


def _judge(part: Part, answer: Answer | Failure, origin: str, url: str, bus: str | None) -> None:
    if isinstance(answer, Failure):
        own = is_loopback(urlsplit(origin).hostname)  # it may run only when it is needed
        part.add("warning" if own else "error", "answer", answer.problem, answer.change)
        return
    look_at_tls(part, origin, answer)
    if answer.status >= 300:
        change = _NAME_IT.format(origin=origin)
        part.add("warning", "answer", f"status {answer.status} instead of the page", change)
        return
    part.add("ok", "answer", f"status {answer.status}")
    if bus:
        _judge_policies(part, answer, url, bus)


def _judge_policies(part: Part, answer: Answer, url: str, bus: str) -> None:
    headers = answer.headers.get_list("content-security-policy")
    policies = csp.policies_in(headers, (answer.body or b"").decode("utf-8", "replace"))
    forbidding = [csp.forbidding(policy, url, bus) for policy in policies]
    sandboxed = [csp.sandbox_problem(policy) for policy in policies]
    for problem in filter(None, sandboxed):
        part.add("error", "sandbox", f"the policy's {problem}", "Add it to the page's policy.")
    if named := sorted(filter(None, forbidding)):
        part.add(
            "error",
            "frame",
            f"{', '.join(dict.fromkeys(named))} in the page's policy forbids the bus's frame",
            f"Add frame-src {origin_of(bus)} to each of the page's policies (header and meta).",
        )
    else:
        told = "the page's policy allows" if policies else "the page has no policy against"
        part.add("ok", "frame", f"{told} the bus's frame")
