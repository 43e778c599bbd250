"""Sends requests over HTTP as a browser would for the bus, with a limit for each whole answer."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urljoin

import httpx

from bus import VERSION
from bus.exchange import MAX_BODY_BYTES
from bus.urls import is_loopback, origin_of

TIME_LIMIT: Final = 10.0
"""The limit for one whole answer, in seconds."""

_ISSUER_UNKNOWN: Final = {18, 19, 20, 21}
"""OpenSSL's X509_V_ERR codes: self-signed, or signed by an unknown CA."""
_EXPIRED: Final = 10
_OTHER_NAME: Final = 62


@dataclass(frozen=True)
class Tls:
    """How an answer was protected."""

    version: str
    ends_at: float
    """When the certificate expires, in seconds since the epoch."""


@dataclass(frozen=True)
class Answer:
    """An answer, whatever its status."""

    status: int
    headers: httpx.Headers
    body: bytes | None
    """None if it is larger than 1 MiB."""
    sent_at: float
    """When the request was sent, in seconds since the epoch by this machine's clock."""
    arrived_at: float
    """When the answer's head had arrived."""
    tls: Tls | None

    @property
    def redirects(self) -> bool:
        """Whether the answer is a redirect (Fetch, "redirect status")."""
        return self.status in (301, 302, 303, 307, 308)

    def target(self, url: str) -> str:
        """Return where it redirects a request for `url`; empty if that is not a valid address."""
        try:
            return urljoin(url, str(self.headers.get("location", "")))
        except ValueError:
            return ""


@dataclass(frozen=True)
class Failure:
    """No answer: why, and what to do about it."""

    problem: str
    change: str
    of_server: bool = False
    """Whether the whole origin is unreachable."""
    again: bool = False
    """Whether it was reported before, and no request was sent."""


class Asker:
    """Sends requests, one at a time, and remembers the first answer of each origin."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        time_limit: float = TIME_LIMIT,
        now: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`say` gets a line before each request. `now` is the wall clock, in seconds.

        `tls` says which certificates are accepted; those that browsers accept, if it is not given.
        """
        self._say = say
        self._time_limit = time_limit
        self._now = now
        self._tls = tls or browsers_like()
        self._down: dict[str, Failure] = {}
        self.answers: dict[str, Answer] = {}
        """The first answer of each origin."""

    def __call__(
        self, method: str, url: str, headers: dict[str, str], body: str | None = None
    ) -> Answer | Failure:
        """Return the answer, or why there is none. Redirects are not followed."""
        origin = origin_of(url)
        if down := self._down.get(origin):
            return Failure(down.problem, down.change, of_server=True, again=True)
        self._say(f"{method} {url}")
        found = self._within_limit(lambda: self._exchange(method, url, headers, body))
        if isinstance(found, Answer):
            self.answers.setdefault(origin, found)
        elif found.of_server:
            self._down[origin] = found
        return found

    def _within_limit(self, exchange: Callable[[], Answer | Failure]) -> Answer | Failure:
        # In a thread that is abandoned at the limit: neither the system's resolver nor a server that
        # sends a byte now and then keeps to a limit for the whole answer.
        done: SimpleQueue[Answer | Failure | Exception] = SimpleQueue()

        def run() -> None:
            try:
                done.put(exchange())
            except Exception as error:  # noqa: BLE001 - raised below, in the caller's thread
                done.put(error)

        threading.Thread(target=run, daemon=True).start()
        try:
            found = done.get(timeout=self._time_limit)
        except Empty:
            return _too_late(self._time_limit)
        if isinstance(found, Exception):
            raise found
        return found

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: str | None
    ) -> Answer | Failure:
        own = is_loopback(httpx.URL(url).host)  # a proxy cannot reach this machine
        agent = {"User-Agent": f"sso-bus-check/{VERSION}"}
        content = None if body is None else body.encode()
        sent_at = self._now()
        try:
            client = httpx.Client(verify=self._tls, timeout=self._time_limit, trust_env=not own)
        except (ValueError, ImportError) as error:
            return _bad_proxy(error)
        try:
            with (
                client,
                client.stream(method, url, headers=agent | headers, content=content) as response,
            ):
                arrived_at, tls = self._now(), _tls(response)
                text: bytes | None = b""
                for chunk in response.iter_bytes():
                    text = (text or b"") + chunk
                    if len(text) > MAX_BODY_BYTES:
                        text = None
                        break
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return failure_of(error, url, self._time_limit)
        return Answer(response.status_code, response.headers, text, sent_at, arrived_at, tls)


def browsers_like() -> ssl.SSLContext:
    """Return a context that accepts the certificates that browsers accept, or those in SSL_CERT_FILE."""
    context = httpx.create_ssl_context()
    # Newer Pythons require what browsers do not, such as an Authority Key Identifier.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def failure_of(error: Exception, url: str, time_limit: float) -> Failure:
    """Return why a request got no answer; `time_limit` was its limit, in seconds."""
    host, causes = httpx.URL(url).netloc.decode(), list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _bad_certificate(cause, host)
    for cause in causes:
        match cause:
            case ssl.SSLError():
                return Failure(
                    f"no TLS with {host} ({cause.reason or 'the handshake failed'})",
                    "Check that it serves https on this port, with TLS 1.2 or newer.",
                    of_server=True,
                )
            case socket.gaierror():
                return Failure(
                    f"the name {httpx.URL(url).host} is not known here (DNS)",
                    "Check its spelling, or run this command where the name resolves.",
                    of_server=True,
                )
            case ConnectionRefusedError():
                return Failure(
                    f"nothing listens at {host}: the connection was refused",
                    "Start it, or correct the address.",
                    of_server=True,
                )
    match error:
        case httpx.ProxyError():
            return _bad_proxy(error)
        case httpx.ConnectTimeout():
            late = _too_late(time_limit)
            return Failure(late.problem, late.change, of_server=True)
        case httpx.TimeoutException():
            return _too_late(time_limit)
        case httpx.RemoteProtocolError() | httpx.ReadError() | httpx.WriteError():
            return Failure(
                "the connection broke off, or what came is not HTTP",
                "Check that it serves this address, and with this scheme (http or https).",
            )
    return Failure(
        f"the connection failed: {str(error) or type(error).__name__}",
        "Check the address, and that this machine may reach it.",
        of_server=isinstance(error, httpx.ConnectError),
    )


def _bad_certificate(error: ssl.SSLCertVerificationError, host: str) -> Failure:
    # Browsers refuse each of these as well.
    change = {_EXPIRED: "Renew it.", _OTHER_NAME: f"Get one that names {host}."}.get(
        error.verify_code, "Get one that browsers accept."
    )
    if error.verify_code in _ISSUER_UNKNOWN:
        change = (
            "Send the whole chain, from a CA that browsers know. If your users' browsers know your own "
            "CA, tell this command as well: SSL_CERT_FILE=ca.pem."
        )
    return Failure(
        f"the certificate of {host} cannot be accepted: {error.verify_message}",
        change,
        of_server=True,
    )


def _bad_proxy(error: Exception) -> Failure:
    return Failure(
        f"the proxy did not let the request through: {error}",
        "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY.",
        of_server=True,
    )


def _too_late(time_limit: float) -> Failure:
    return Failure(
        f"no whole answer within {time_limit:g} seconds",
        "Find out what is slow: the server, or a firewall that drops the request.",
    )


def without_query(url: str) -> str:
    """Return a URL without its query and fragment, which may hold a secret."""
    return url.partition("#")[0].partition("?")[0]


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _tls(response: httpx.Response) -> Tls | None:
    stream = response.extensions["network_stream"]
    connection = stream.get_extra_info("socket")
    if not isinstance(connection, ssl.SSLSocket):
        connection = stream.get_extra_info("ssl_object")  # TLS through a proxy that speaks TLS
    if not isinstance(connection, ssl.SSLSocket | ssl.SSLObject):
        return None
    certificate = connection.getpeercert() or {}
    ends_at = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return Tls(connection.version() or "TLS", ends_at)
