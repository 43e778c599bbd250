"""Loopback ports, taken before anything starts: a busy one is an error, not a surprise."""

import errno
import socket
from dataclasses import dataclass


class PortError(Exception):
    """A port that cannot be had; the message names port, party, and the option to change it."""


@dataclass(frozen=True)
class Place:
    """Where one party listens: every address that its host name can mean."""

    party: str
    name: str
    """"localhost" or "127.0.0.1", as the browser will be told."""
    port: int
    option: str

    @property
    def origin(self) -> str:
        """The party's origin."""
        return f"http://{self.name}" + (
            "" if self.port == 80 else f":{self.port}"
        )  # as browsers write it


def listen(place: Place) -> list[socket.socket]:
    """Listening sockets for a place: IPv4, for "localhost" IPv6 as well. Raises PortError."""
    taken: list[socket.socket] = []
    try:
        taken.append(_bound(socket.AF_INET, "127.0.0.1", place.port))
        if place.name == "localhost" and (ipv6 := _ipv6(place.port)):
            taken.append(ipv6)
    except OSError as error:
        close(taken)
        why = (
            "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        )
        raise PortError(
            f"port {place.port} ({place.party}) {why}: "
            f"free it, or choose another with {place.option}"
        ) from None
    return taken


def close(sockets: list[socket.socket]) -> None:
    """Give the ports back."""
    for each in sockets:
        each.close()


def _ipv6(port: int) -> socket.socket | None:
    try:
        return _bound(socket.AF_INET6, "::1", port)
    except OSError as error:
        if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT):
            return None  # no IPv6 here: then "localhost" does not mean it either
        raise


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(100)  # at once: two that are only bound would not notice each other
    except OSError:
        sock.close()
        raise
    return sock
