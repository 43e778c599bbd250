"""The parties of the demo in unit tests: where they are, and what the provider answers."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from httpx import AsyncClient, Response

from host.demo.codes import s256

ISSUER = "http://localhost:8002"
BUS = "http://127.0.0.1:8001"
CALLBACK = "http://localhost:8000/callback"
VERIFIER = "a-verifier-of-just-enough-characters-0123456789"


class Provider:
    """The provider's app, as its clients see it."""

    def __init__(self, http: AsyncClient, clock: Any) -> None:
        self.http = http
        self.clock = clock

    def query(self, **changes: str | None) -> str:
        fields = {
            "response_type": "code",
            "client_id": "demo-host",
            "redirect_uri": CALLBACK,
            "state": "st4te",
            "code_challenge": s256(VERIFIER),
            "code_challenge_method": "S256",
        } | changes
        return urlencode({key: value for key, value in fields.items() if value is not None})

    async def choose(self, person: str, **changes: Any) -> dict[str, str]:
        """The answer that the browser takes to the host, as a dict."""
        response = await self.http.post(
            f"/authorize?{self.query(**changes)}", data={"person": person}
        )
        assert response.status_code == 303
        return answer_of(response)

    async def exchange(self, code: int | str, **changes: str | None) -> Response:
        body = {"code": code, "redirectUrl": CALLBACK, "codeVerifier": VERIFIER} | changes
        body = {key: value for key, value in body.items() if value is not None}
        return await self.ask("/sso/exchange", body)

    async def ask(self, path: str, body: dict[str, Any]) -> Response:
        """As the bus does."""
        return await self.http.post(path, json=body, headers={"Origin": BUS})

    async def signed_in(self, person: str = "migrated") -> dict[str, str]:
        """The credentials of a sign-in."""
        response = await self.exchange((await self.choose(person))["code"])
        assert response.status_code == 200
        credentials: dict[str, str] = response.json()["credentials"]
        return credentials


def answer_of(response: Response) -> dict[str, str]:
    """The query of the address that a response redirects to, which must be the host's callback."""
    address = urlsplit(response.headers["location"])
    assert address._replace(query="").geturl() == CALLBACK
    return {key: value for key, [value] in parse_qs(address.query).items()}


def reason_of(response: Response) -> str:
    """Why the backend refused, from its own kind of error."""
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"reason", "hint"}
    return response.json()["error"]["reason"]
