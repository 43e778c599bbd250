"""Asks the pages that will embed the bus: whether they answer, and whether their policy allows it."""

from urllib.parse import urljoin, urlsplit

from bus.urls import is_loopback, origin_of, url_problem

from . import csp
from .asking import Answer, Asker, Failure
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
        url = urljoin(url, answer.headers.get("location", ""))
        if url_problem(url) or origin_of(url) != origin:
            place = urlsplit(url)
            part.add(
                "warning",
                "answer",
                f"a redirect to {place.scheme}://{place.netloc}{place.path}",
                "If your app is there, list that origin in allowed_origins. Else: "
                + _NAME_IT.format(origin=origin),
            )
            return part
    _judge(part, answer, origin, url, bus)
    return part


def _judge(part: Part, answer: Answer | Failure, origin: str, url: str, bus: str | None) -> None:
    if isinstance(answer, Failure):
        own = is_loopback(urlsplit(origin).hostname)  # may be started when it is needed
        part.add("warning" if own else "error", "answer", answer.problem, answer.change)
        return
    look_at_tls(part, origin, answer)
    if answer.status >= 300:
        change = _NAME_IT.format(origin=origin)
        part.add("warning", "answer", f"status {answer.status}, and so not the page", change)
        return
    part.add("ok", "answer", f"status {answer.status}")
    if bus:
        _judge_policies(part, answer, url, bus)


def _judge_policies(part: Part, answer: Answer, url: str, bus: str) -> None:
    headers = answer.headers.get_list("content-security-policy")
    policies = csp.policies_in(headers, (answer.body or b"").decode("utf-8", "replace"))
    problems = [csp.frame_problem(policy, url, bus) for policy in policies]
    sandboxed = [csp.sandbox_problem(policy) for policy in policies]
    for problem in filter(None, sandboxed):
        part.add("error", "sandbox", f"the policy's {problem}", "Add it to the page's policy.")
    if wrong := sorted({problem for problem in problems if problem}):
        part.add(
            "error",
            "frame",
            f"the policy forbids the bus's frame: {', '.join(wrong)}",
            f"Add frame-src {origin_of(bus)} to each of the page's policies (header and meta).",
        )
    else:
        told = "the policy allows" if policies else "no policy forbids"
        part.add("ok", "frame", f"{told} the bus's frame")
