"""A backend that rotates refresh tokens, gives the last one a grace, and revokes families on reuse."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.unit.session.loops import Clock
from tests.unit.session.tokens import Message

if TYPE_CHECKING:
    from tests.unit.session.world import Tab

Answered = tuple[Any, ...]
"""An answer: status, body (a JSON value, bytes or None), and Retry-After if there is one."""
API = "https://api.example.com"
EPOCH = 1_700_000_000.0


def jwt(claims: Message) -> str:
    parts = (
        urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none"}, claims)
    )
    return ".".join([*parts, "MARK-signature"])


@dataclass
class Family:
    user: str
    number: int
    tokens: dict[str, float | None] = field(default_factory=dict)
    """Each refresh token, and when it was rotated first, or None."""
    children: dict[str, list[str]] = field(default_factory=dict)
    """The tokens that each rotated one became."""
    made: int = 0
    used: set[str] = field(default_factory=set)
    over: str = ""
    """Why nothing of it is accepted any more."""


class Server:
    """Answers requests at once; the network between is `Net`."""

    def __init__(self, clock: Clock, *, life: int = 900, lenient: bool = False) -> None:
        self.clock = clock
        self.life = life
        self.lenient = lenient
        """Whether the previous token stays valid until its successor is used."""
        self.issuer = "https://idp.example.com"
        self.families: list[Family] = []
        self.by_token: dict[str, Family] = {}
        self.requests: list[tuple[float, str, Message]] = []
        """(time, path, body) of each that arrived."""
        self.reused: list[tuple[float, str]] = []
        self.delivered: dict[str, tuple[float, Tab]] = {}
        self.needless: list[tuple[float, str]] = []
        """Tokens that came again though what they were rotated into had arrived."""
        self.answers: list[Callable[[Message], Answered | None]] = []
        """What to answer the next refreshes with instead: callables from body to an answer."""
        self.opaque = False
        self.changed_user: str | None = None
        self.no_refresh_token = False

    @property
    def now(self) -> float:
        return EPOCH + self.clock.time

    def paths(self) -> list[str]:
        return [path for _, path, _ in self.requests]

    def sent(self, path: str) -> list[Message]:
        return [body for _, at, body in self.requests if at == path]

    def __call__(self, url: str, body: str) -> Answered:
        path, sent = url.removeprefix(API), json.loads(body)
        self.requests.append((self.clock.time, path, sent))
        answer: Callable[[Message], Answered] = getattr(self, path.strip("/").replace("-", "_"))
        return answer(sent)

    def exchange(self, sent: Message) -> Answered:
        return self._sign_in(sent["code"].split("/")[0])

    def sign_in(self, sent: Message) -> Answered:
        return self._sign_in(sent["email"].split("@")[0])

    def _sign_in(self, user: str) -> Answered:
        if user == "refused":
            return 400, {"error": "no"}
        if user == "legacy":
            credentials = {"legacy_token": "MARK-legacy"}
        else:
            self.families.append(Family(user, len(self.families)))
            credentials = self._issue(self.families[-1])
        return 200, {
            "credentials": credentials,
            "currentUser": {"name": user},
            "company": {"name": "MARK-company"},
        }

    def _issue(self, family: Family, parent: str | None = None) -> Message:
        family.made += 1
        token = f"MARK-refresh-{family.user}-{family.number}-{family.made:06}"
        family.tokens[token] = None
        self.by_token[token] = family
        if parent is not None:
            family.children.setdefault(parent, []).append(token)
        claims = {
            "iss": self.issuer,
            "sub": self.changed_user or family.user,
            "iat": int(self.now),
            "exp": int(self.now) + self.life,
            "n": family.made,
        }
        id_token = f"MARK-opaque-{token}" if self.opaque else jwt(claims)
        return {"idToken": id_token, "refreshToken": token}

    def refresh(self, sent: Message) -> Answered:
        if self.answers:
            instead = self.answers.pop(0)
            if (answer := instead(sent)) is not None:
                return answer
        return self.rotate(sent)

    def rotate(self, sent: Message) -> Answered:
        token = sent["refreshToken"]
        family = self.by_token.get(token)
        if family is None or family.over:
            return 401, {"error": "refused"}
        family.used.add(token)
        rotated = family.tokens[token]
        if rotated is not None:
            arrived = [self.delivered[t][0] for t in family.children[token] if t in self.delivered]
            if arrived and self.clock.time - min(arrived) > 1:
                self.needless.append((self.clock.time, token))
            unused = self.lenient and not any(t in family.used for t in family.children[token])
            if self.now - rotated > 30 and not unused:
                family.over = "reuse"
                self.reused.append((self.clock.time, token))
                return 401, {"error": "reused"}
        else:
            family.tokens[token] = self.now
        credentials = self._issue(family, parent=token)
        if self.no_refresh_token:
            family.tokens[token] = None
            return 200, {"credentials": {"idToken": credentials["idToken"]}}
        return 200, {"credentials": credentials}

    def revoke(self, sent: Message) -> Answered:
        family = self.by_token.get(sent["refreshToken"])
        if family is not None:
            family.over = family.over or "revoked"
        return 204, None
