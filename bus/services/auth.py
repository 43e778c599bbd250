"""AUTH: signing a user in."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from ..errors import invalid_field
from ..exchange import Exchange
from ..messages import Answer, Sso
from ..ports import Inbound
from ..single_flight import SingleFlight

_Key = tuple[str, str, str, str, str]

Signing = Coroutine[Any, Any, Answer]
"""A sign-in in progress."""

Keep = Callable[[str, Signing], Signing]
"""Makes the sign-in the session of a host's origin; or only hands the sign-in back."""


def forget(_origin: str, signing: Signing) -> Signing:
    """Keep nothing, as without `[bus.session]`."""
    return signing


@dataclass
class Auth:
    """Signs users in by exchanging their codes."""

    exchange: Exchange
    keep: Keep = forget
    _flights: SingleFlight[_Key, Answer] = field(default_factory=SingleFlight)

    async def sso(self, request: Sso, inbound: Inbound) -> Answer:
        """Exchange the code; a code in flight is not sent twice (protocol.md, "Timing").

        Raises BusError, or Rejected with the backend's own error.
        """
        asked = request.payload
        if asked.nonce and not self.exchange.uses_nonce:
            raise invalid_field("nonce", "has no use with the provider of this bus")
        key = (asked.code, asked.redirectUrl, asked.codeVerifier, asked.nonce, inbound.origin)
        if any(other[0] == asked.code and other != key for other in self._flights):
            raise invalid_field("code", "is being exchanged already, with other fields")
        return await self._flights.join(
            key, lambda: self.keep(inbound.origin, self.exchange(asked))
        )
