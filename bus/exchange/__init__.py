"""Turning a code into credentials: one module per kind of backend."""

from typing import Final, Protocol

from ..messages import Answer, SsoPayload

MAX_BODY_BYTES: Final = 1024 * 1024
"""The bus reads at most this much of a backend's answer."""


class Exchange(Protocol):
    """A kind of backend."""

    @property
    def uses_nonce(self) -> bool:
        """Whether a request may carry a `nonce` (OpenID Connect Core, 3.1.2.1)."""

    async def __call__(self, asked: SsoPayload) -> Answer:
        """Exchange the code, once.

        Raises BusError, or Rejected with the backend's own error.
        """
