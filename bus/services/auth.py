"""AUTH: signing a user in."""

from dataclasses import dataclass, field

from ..errors import invalid_field
from ..exchange import Exchange
from ..messages import Answer, Sso
from ..single_flight import SingleFlight

_Key = tuple[str, str, str, str]


@dataclass
class Auth:
    """Signs users in with what the configured exchange makes of a code."""

    exchange: Exchange
    _flights: SingleFlight[_Key, Answer] = field(default_factory=SingleFlight)

    async def sso(self, request: Sso) -> Answer:
        """Exchange the code; a code in flight is not sent twice (protocol.md, "Timing").

        Raises BusError, or Rejected with the backend's own error.
        """
        asked = request.payload
        if asked.nonce and not self.exchange.uses_nonce:
            raise invalid_field("nonce", "has no use with the provider of this bus")
        key = (asked.code, asked.redirectUrl, asked.codeVerifier, asked.nonce)
        if any(other[0] == asked.code and other != key for other in self._flights):
            raise invalid_field("code", "is being exchanged already, with other fields")
        return await self._flights.join(key, lambda: self.exchange(asked))
