"""Connections that break without an answer, on purpose: what a server that is down looks like."""

import asyncio
import socket
import struct
from typing import Any
from weakref import WeakValueDictionary

from uvicorn.protocols.http.h11_impl import H11Protocol

_open: WeakValueDictionary[tuple[Any, Any], "ResettableProtocol"] = WeakValueDictionary()


class ResettableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, whose connections `reset` can cut in the middle of a request.

    For `uvicorn.Config(http=ResettableProtocol, proxy_headers=False)`: proxy headers would hide the
    client address that a connection is found by.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the connection by its two ends."""
        super().connection_made(transport)
        _open[(self.client, self.server)] = self

    def shutdown(self) -> None:
        """Close when the server stops, even if a request still waits for its answer."""
        super().shutdown()
        if not self.transport.is_closing():
            self.transport.abort()


def reset(scope: Any) -> None:
    """Reset the connection that the ASGI request `scope` came by: nothing more is sent.

    `receive()` gives `http.disconnect` afterwards. Raises KeyError if the server does not use
    ResettableProtocol.
    """
    client, server = scope["client"], scope["server"]
    transport = _open[(tuple(client), tuple(server))].transport
    # No lingering: the other end sees a reset (RST), not an orderly close.
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    transport.abort()
