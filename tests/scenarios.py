"""What hosts ask and what happens around them, step by step: one table for a built bus and for the mock.

Each scenario is played with two tabs of one host, in which nobody is signed in; each step is a dict with
one verb, in tab `in` (1 if it is not there):

- `ask` a request `with` a payload, which `gives` a payload or `fails`; with `timeout` and `aborted`, or
  `start` it under a name, `abort` it, and look at its `end`;
- `ready`, `destroy`, `renew` (a new page with a new bus in that tab);
- `hears`: the pushes that came, in order, and no others before or after;
- `move` the clock on by seconds, as a machine does that slept; `offline`, `online`;
- the backend: `refuse` refreshes, `fail` a type or "refresh" with `as`, `hold` it, until it has `arrived`,
  and `release` it, `heal` all failures; `backend`: the requests that it got since the last look.

Tokens stand as "id 1", "refresh 1" ... in the order in which they show; times of expiry as minutes from now.
"""

import json
from collections.abc import Callable
from typing import Any

Step = dict[str, Any]

HOST = "(the host's origin)"
REDIRECT = "https://app.example.com/cb"
PREPARED: list[Step] = [
    {
        "ask": "BUS.REGISTER",
        "with": {"origin": HOST, "appName": "app", "release": "1"},
        "in": tab,
        "gives": "nothing",
    }
    for tab in (1, 2)
]
"""How each scenario begins."""


def sso(user: str, **more: Any) -> dict[str, Any]:
    """What to sign in with; the backends take the first part of a code for a name."""
    return {"code": f"{user}/1", "redirectUrl": REDIRECT} | more


def tokens(n: int) -> dict[str, str]:
    return {"idToken": f"id {n}", "refreshToken": f"refresh {n}"}


LEGACY = {"legacy_token": "legacy 1"}


def person(user: str, credentials: Any) -> dict[str, Any]:
    return {
        "credentials": credentials,
        "currentUser": {"name": user},
        "company": {"name": "Engines"},
    }


def by(source: str = "bus", status: int = 0) -> dict[str, Any]:
    return {"source": source} | ({"status": status} if status else {})


def no(code: str, status: int = 0, **more: Any) -> dict[str, Any]:
    """A rejection by the bus."""
    return {"code": code, "sent": True, "meta": by(status=status)} | more


def invalid(*at: Any) -> dict[str, Any]:
    return no("INVALID_PAYLOAD", at=[[each] if isinstance(each, str) else each for each in at])


def gave_up(code: str, *, sent: bool = True) -> dict[str, Any]:
    return {"code": code, "sent": sent}


def rejected(error: Any, status: int) -> dict[str, Any]:
    return {"code": "REJECTED", "sent": True, "meta": by("backend", status), "error": error}


def ask(type_: str, payload: Any = None, tab: int = 1, **more: Any) -> Step:
    return {"ask": type_, "with": {} if payload is None else payload, "in": tab} | more


def signs_in(user: str, n: int = 1, tab: int = 1) -> Step:
    return ask("AUTH.SSO", sso(user), tab, gives=person(user, tokens(n)))


def init(tab: int = 1, *services: str) -> Step:
    return ask("BUS.INIT", {"services": list(services or ["AUTH"])}, tab, gives="nothing")


def registers(gives: Any, tab: int = 1) -> Step:
    payload = {"origin": HOST, "appName": "app", "release": "1"}
    return ask("BUS.REGISTER", payload, tab, gives=gives)


def credentials(user: str, n: int, minutes: int, tab: int = 1) -> Step:
    return ask(
        "AUTH.CREDENTIALS", None, tab, gives=person(user, tokens(n)) | {"expiresAt": minutes}
    )


def nobody(tab: int = 1) -> Step:
    return ask("AUTH.CREDENTIALS", None, tab, fails=no("NO_SESSION"))


def hears(*pushes: Any, tab: int = 1) -> Step:
    return {"hears": list(pushes), "in": tab}


def fresh(n: int) -> list[Any]:
    return ["AUTH.TOKEN_REFRESHED", tokens(n)]


def changed(user: str | None) -> list[Any]:
    return ["AUTH.SESSION_CHANGED", {"user": user and {"name": user}}]


OVER = ["AUTH.REFRESH_TOKEN_EXPIRED"]
BOTH = [init(1), init(2)]
QUARTER = 15 * 60
DAY = 86_400


def move(seconds: float) -> Step:
    return {"move": seconds}


def backend(*asked: str) -> Step:
    return {"backend": list(asked)}


def fails_with(what: str, code: str, **more: Any) -> Step:
    return {"fail": what, "as": {"code": code} | more}


def odd(name: str) -> dict[str, str]:
    """A value that JSON does not have."""
    return {"$": name}


def bad_redirect(url: str) -> Step:
    return ask("AUTH.SSO", {"code": "c", "redirectUrl": url}, fails=invalid("redirectUrl"))


def bad_email(email: str) -> Step:
    payload = {"email": email, "password": "p"}
    return ask("AUTH.EMAIL_AND_PASSWORD", payload, fails=invalid("email"))


def bad_validity(seconds: Any) -> Step:
    payload = {"minValiditySeconds": seconds}
    return ask("AUTH.CREDENTIALS", payload, fails=invalid("minValiditySeconds"))


TYPES = [
    "AUTH.CREDENTIALS", "AUTH.EMAIL_AND_PASSWORD", "AUTH.SIGN_OUT", "AUTH.SSO", "BUS.CANCEL",
    "BUS.DESTROY", "BUS.INIT", "BUS.REGISTER",
]  # fmt: skip

NO_OBJECTS: list[Any] = ["text", 1, [], True, None]

SCENARIOS: dict[str, list[Step]] = {
    # -- requests and errors ---------------------------------------------------------------------
    "it is ready": [
        {"ready": 1, "gives": {"protocol": 1, "services": ["AUTH"], "types": TYPES}},
    ],
    "a code is exchanged": [signs_in("ann"), hears(), backend("exchange")],
    "fields that are missing": [
        ask("AUTH.SSO", {}, fails=invalid("code", "redirectUrl")),
        ask("AUTH.SSO", {"redirectUrl": REDIRECT}, fails=invalid("code")),
        ask("AUTH.EMAIL_AND_PASSWORD", {}, fails=invalid("email", "password")),
        ask("BUS.REGISTER", {}, fails=invalid("origin", "appName", "release")),
        ask("BUS.INIT", {}, fails=invalid("services")),
        ask("BUS.DESTROY", {}, fails=invalid("services")),
        backend(),
    ],
    "fields of another type, too short, too long, and unknown ones": [
        ask("AUTH.SSO", sso("ann", code=7, colour="red"), fails=invalid("code", "colour")),
        ask("AUTH.SSO", sso("ann", code=""), fails=invalid("code")),
        ask("AUTH.SSO", sso("ann", code="c" * 4097), fails=invalid("code")),
        ask("AUTH.SSO", sso("ann", codeVerifier="v" * 42), fails=invalid("codeVerifier")),
        ask("AUTH.SSO", sso("ann", codeVerifier="v" * 42 + "!"), fails=invalid("codeVerifier")),
        ask("AUTH.SSO", sso("ann", codeVerifier=None), fails=invalid("codeVerifier")),
        ask("AUTH.SSO", sso("ann", nonce="n"), fails=invalid("nonce")),
        ask(
            "AUTH.SSO",
            {"redirecturl": REDIRECT, "code": "c"},
            fails=invalid("redirectUrl", "redirecturl"),
        ),
        ask("AUTH.SIGN_OUT", {"everywhere": True}, fails=invalid("everywhere")),
        ask(
            "BUS.REGISTER",
            {"origin": HOST, "appName": "", "release": 1},
            fails=invalid("appName", "release"),
        ),
        ask("BUS.INIT", {"services": "AUTH"}, fails=invalid("services")),
        ask(
            "BUS.INIT",
            {"services": ["AUTH", 1, None]},
            fails=invalid(["services", 1], ["services", 2]),
        ),
        ask("BUS.INIT", {"services": ["X"] * 65}, fails=invalid("services")),
        ask("AUTH.SSO", sso("ann", codeVerifier="v" * 43), gives=person("ann", tokens(1))),
    ],
    "redirect URLs": [
        *map(
            bad_redirect,
            [
                "",
                "/cb",
                "app.example.com/cb",
                "ftp://app.example.com/",
                "http://app.example.com/",
                "https://app.example.com/#",
                "https://app.example.com/#a",
                "https://me@app.example.com/",
                "https://App.Example.com/",
                "http://127.1/",
                "https://app.example.com/\u00fc",
                "https://app.example.com\\cb",
                "https://app.example.com/a b",
                "https:///cb",
                "https://a<b/",
                "https://app.example.com:70000/",
            ],
        ),
        ask(
            "AUTH.SSO",
            sso("ann", redirectUrl="http://localhost:5173/cb?a=b"),
            gives=person("ann", tokens(1)),
        ),
        ask("AUTH.SSO", sso("bob", redirectUrl="http://[::1]/"), gives=person("bob", tokens(2))),
    ],
    "payloads that are no objects": [
        {"ask": "AUTH.SSO", "with": payload, "fails": no("INVALID_MESSAGE")}
        for payload in NO_OBJECTS
    ],
    "what JSON does not have": [
        *(
            ask("AUTH.SSO", sso("ann", nonce=odd(name)), fails=no("INVALID_MESSAGE"))
            for name in ("undefined", "NaN", "date", "map", "lone", "hole", "deep", "large")
        ),
        ask("AUTH.SSO", odd("date"), fails=no("INVALID_MESSAGE")),
        ask("AUTH.SSO", sso("ann", nonce=odd("function")), fails={"thrown": "DataCloneError"}),
        ask("AUTH.SSO", odd("instance"), fails=invalid("code", "redirectUrl", "x")),
    ],
    "types that are not served": [
        ask("CRM.FIND", {"name": "x"}, fails=no("UNKNOWN_TYPE")),
        ask("CRM.FIND", odd("date"), fails=no("UNKNOWN_TYPE")),
        ask("AUTH.SSO_FINISH", fails=no("UNKNOWN_TYPE")),
    ],
    "types that get no answer": [
        ask(type_, timeout=200, fails=gave_up("TIMEOUT"))
        for type_ in ("crm.find", "CRM", "AUTH.SSO_FULFILLED", "BUS.READY", "AUTH.SESSION_CHANGED")
    ],
    "the backend says no": [
        fails_with("AUTH.SSO", "REJECTED", status=422, error={"reason": "code used"}),
        ask("AUTH.SSO", sso("ann"), fails=rejected({"reason": "code used"}, 422)),
        fails_with("AUTH.SSO", "REJECTED", status=400, error=None),
        ask("AUTH.SSO", sso("ann"), fails=rejected(None, 400)),
        nobody(),
        backend("exchange", "exchange"),
    ],
    "the backend is broken": [
        fails_with("AUTH.SSO", "BACKEND_ERROR", status=502),
        ask("AUTH.SSO", sso("ann"), fails=no("BACKEND_ERROR", 502)),
        fails_with("AUTH.SSO", "BACKEND_INVALID", status=200),
        ask("AUTH.SSO", sso("ann"), fails=no("BACKEND_INVALID", 200)),
        {"heal": 1},
        signs_in("ann"),
    ],
    "the backend cannot be reached": [
        {"offline": 1},
        ask("AUTH.SSO", sso("ann"), fails=no("BACKEND_UNREACHABLE")),
        {"online": 1},
        signs_in("ann"),
    ],
    "the backend does not answer": [
        {"hold": "AUTH.SSO"},
        {"start": "it", "ask": "AUTH.SSO", "with": sso("ann")},
        {"arrived": "AUTH.SSO"},
        move(20),
        {"end": "it", "fails": no("BACKEND_TIMEOUT")},
        nobody(),
        {"release": "AUTH.SSO"},
    ],
    "one code, asked with twice": [
        {"hold": "AUTH.SSO"},
        {"start": "one", "ask": "AUTH.SSO", "with": sso("ann")},
        {"start": "two", "ask": "AUTH.SSO", "with": sso("ann")},
        {"arrived": "AUTH.SSO"},
        ask("AUTH.SSO", sso("ann", redirectUrl=f"{REDIRECT}/2"), fails=invalid("code")),
        {"abort": "one"},
        {"end": "one", "fails": gave_up("ABORTED")},
        {"release": "AUTH.SSO"},
        {"end": "two", "gives": person("ann", tokens(1))},
        backend("exchange"),
    ],
    "a request that is given up": [
        ask("AUTH.SSO", sso("ann"), aborted=True, fails=gave_up("ABORTED", sent=False)),
        {"hold": "AUTH.SSO"},
        {"start": "it", "ask": "AUTH.SSO", "with": sso("ann")},
        {"arrived": "AUTH.SSO"},
        {"abort": "it"},
        {"end": "it", "fails": gave_up("ABORTED")},
        {"release": "AUTH.SSO"},
        nobody(),
        signs_in("ann"),
    ],
    "time limits of the host": [
        ask("AUTH.SSO", sso("ann"), timeout=odd("NaN"), fails={"thrown": "TypeError"}),
        {"hold": "AUTH.SSO"},
        ask("AUTH.SSO", sso("ann"), timeout=200, fails=gave_up("TIMEOUT")),
        {"release": "AUTH.SSO"},
        nobody(),
    ],
    "an e-mail address and a password": [
        ask(
            "AUTH.EMAIL_AND_PASSWORD",
            {"email": "ann@example.com", "password": "a password"},
            gives=person("ann", tokens(1)),
        ),
        *map(
            bad_email,
            [
                "",
                "ann",
                "ann@",
                "@example.com",
                "a b@example.com",
                "ann@-a.example",
                "ann@example.com ",
                "ann@example..com",
                "a" * 243 + "@example.com",
            ],
        ),
        ask(
            "AUTH.EMAIL_AND_PASSWORD",
            {"email": "ann@example.com", "password": ""},
            fails=invalid("password"),
        ),
        fails_with("AUTH.EMAIL_AND_PASSWORD", "REJECTED", status=401, error={"wrong": True}),
        ask(
            "AUTH.EMAIL_AND_PASSWORD",
            {"email": "ann@example.com", "password": "wrong"},
            fails=rejected({"wrong": True}, 401),
        ),
        credentials("ann", 1, 15),  # it leaves the session that was there
        backend("sign-in", "sign-in"),
    ],
    # -- the session -----------------------------------------------------------------------------
    "whose session it is": [
        ask(
            "BUS.REGISTER",
            {"origin": "https://elsewhere.example", "appName": "a", "release": "1"},
            fails=no("ORIGIN_MISMATCH"),
        ),
        registers("nothing"),
        nobody(),
        signs_in("ann"),
        registers({"user": {"name": "ann"}}),
        registers({"user": {"name": "ann"}}, tab=2),
        credentials("ann", 1, 15),
        credentials("ann", 1, 15, tab=2),
        backend("exchange"),
    ],
    "tokens are pushed after INIT": [
        init(1, "CRM", "MAIL"),
        signs_in("ann"),
        hears(),
        init(),
        hears(),  # they were the answer to this tab's own request
        init(2),
        hears(changed("ann"), fresh(1), tab=2),
    ],
    "INIT once more": [
        signs_in("ann"),
        *BOTH,
        hears(changed("ann"), fresh(1), tab=2),
        init(2),
        hears(fresh(1), tab=2),  # with another port, where somebody else may listen
        hears(),
    ],
    "a sign-in is told in the other tab": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        hears(),
    ],
    "tokens are refreshed before they expire": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        move(13 * 60),
        hears(),
        hears(tab=2),
        move(60),
        hears(fresh(2)),
        hears(fresh(2), tab=2),
        credentials("ann", 2, 15),
        credentials("ann", 2, 15, tab=2),
        backend("exchange", "refresh"),
    ],
    "without INIT they are refreshed on demand": [
        signs_in("ann"),
        move(14 * 60),
        backend("exchange"),
        ask(
            "AUTH.CREDENTIALS",
            {"minValiditySeconds": 0},
            gives=person("ann", tokens(1)) | {"expiresAt": 1},
        ),
        ask(
            "AUTH.CREDENTIALS",
            {"minValiditySeconds": 30},
            gives=person("ann", tokens(1)) | {"expiresAt": 1},
        ),
        backend(),
        credentials("ann", 2, 15),
        backend("refresh"),
        ask(
            "AUTH.CREDENTIALS",
            {"minValiditySeconds": 600},
            gives=person("ann", tokens(2)) | {"expiresAt": 15},
        ),  # half of their life is enough
        move(6 * 60),
        ask(
            "AUTH.CREDENTIALS",
            {"minValiditySeconds": 600},
            gives=person("ann", tokens(2)) | {"expiresAt": 9},
        ),
        move(2 * 60),
        ask(
            "AUTH.CREDENTIALS",
            {"minValiditySeconds": 600},
            gives=person("ann", tokens(3)) | {"expiresAt": 15},
        ),
        backend("refresh"),
        hears(),
    ],
    "how long they must be good": [
        *map(bad_validity, [-1, 601, True, "1", None]),
        ask("AUTH.CREDENTIALS", {"minValiditySeconds": 600}, fails=no("NO_SESSION")),
    ],
    "one refresh for all who ask": [
        signs_in("ann"),
        move(QUARTER),
        {"hold": "refresh"},
        {"start": "one", "ask": "AUTH.CREDENTIALS"},
        {"start": "two", "ask": "AUTH.CREDENTIALS"},
        {"arrived": "refresh"},
        {"release": "refresh"},
        {"end": "one", "gives": person("ann", tokens(2)) | {"expiresAt": 15}},
        {"end": "two", "gives": person("ann", tokens(2)) | {"expiresAt": 15}},
        backend("exchange", "refresh"),
    ],
    "a refresh that is refused ends the session in both tabs": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        {"refuse": 1},
        move(QUARTER),
        hears(OVER),
        hears(OVER, tab=2),
        nobody(),
        nobody(tab=2),
        registers("nothing"),
        backend("exchange", "refresh"),
    ],
    "a refused refresh without INIT": [
        signs_in("ann"),
        {"refuse": 1},
        move(QUARTER),
        nobody(),
        nobody(),
        hears(),
        backend("exchange", "refresh"),
    ],
    "another user after the session was over": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        {"refuse": 1},
        move(QUARTER),
        hears(OVER),
        hears(OVER, tab=2),
        {"heal": 1},
        signs_in("bob", 2),
        hears(changed("bob"), fresh(2), tab=2),
        hears(),
    ],
    "offline": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        {"offline": 1},
        move(14 * 60),
        credentials("ann", 1, 1),
        move(120),
        ask("AUTH.CREDENTIALS", fails=no("BACKEND_UNREACHABLE")),
        hears(),
        {"online": 1},
        hears(fresh(2)),
        hears(fresh(2), tab=2),
        credentials("ann", 2, 15),
    ],
    "a backend that fails to refresh": [
        signs_in("ann"),
        fails_with("refresh", "REJECTED", status=503, error={"busy": True}),
        move(14 * 60),
        credentials("ann", 1, 1),
        backend("exchange", "refresh"),
        move(120),
        ask("AUTH.CREDENTIALS", fails=rejected({"busy": True}, 503)),
        backend("refresh"),
        ask("AUTH.CREDENTIALS", tab=2, fails=no("BACKEND_ERROR")),  # at once, while it pauses
        backend(),
        {"heal": 1},
        move(60),
        credentials("ann", 2, 15, tab=2),
    ],
    "a backend that asks for a pause": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        backend("exchange"),
        fails_with("refresh", "REJECTED", status=429, error={}, retryAfterSeconds=600),
        move(10 * 60),
        ask(
            "AUTH.CREDENTIALS",
            {"minValiditySeconds": 400},
            gives=person("ann", tokens(1)) | {"expiresAt": 5},
        ),
        backend("refresh"),
        {"heal": 1},
        {"offline": 1},
        {"online": 1},  # which does not end that pause
        move(180),
        credentials("ann", 1, 2),
        backend(),
        move(480),
        hears(fresh(2)),
        hears(fresh(2), tab=2),
        backend("refresh"),
    ],
    "signing out": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        ask("AUTH.SIGN_OUT", tab=2, gives={}),
        hears(changed(None)),
        hears(tab=2),
        nobody(),
        registers("nothing"),
        ask("AUTH.SIGN_OUT", gives={}),
        backend("exchange", "revoke"),
    ],
    "signing out during a sign-in": [
        {"hold": "AUTH.SSO"},
        {"start": "it", "ask": "AUTH.SSO", "with": sso("ann")},
        {"arrived": "AUTH.SSO"},
        ask("AUTH.SIGN_OUT", gives={}),
        {"end": "it", "fails": no("CANCELLED")},
        {"release": "AUTH.SSO"},
        nobody(),
    ],
    "signing out during a refresh": [
        signs_in("ann"),
        move(QUARTER),
        {"hold": "refresh"},
        {"start": "it", "ask": "AUTH.CREDENTIALS"},
        {"arrived": "refresh"},
        {"start": "out", "ask": "AUTH.SIGN_OUT"},
        registers("nothing"),
        {"release": "refresh"},
        {"end": "it", "fails": no("NO_SESSION")},
        {"end": "out", "gives": {}},
        nobody(),
        backend("exchange", "refresh", "revoke", "revoke"),
    ],
    "another user": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        signs_in("bob", 2, tab=2),
        hears(changed("bob"), fresh(2)),
        hears(tab=2),
        registers({"user": {"name": "bob"}}),
        backend("exchange", "exchange"),  # the first one's tokens are not revoked
    ],
    "DESTROY stops the pushes and keeps the session": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        ask("BUS.DESTROY", {"services": ["AUTH"]}, 2, gives="nothing"),
        ask("BUS.DESTROY", {"services": ["CRM"]}, 1, gives="nothing"),
        move(14 * 60),
        hears(fresh(2)),
        credentials("ann", 2, 15, tab=2),
        hears(tab=2),
        init(2),
        hears(fresh(2), tab=2),
    ],
    "a session ends by age": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        move(91 * DAY),
        hears(OVER),
        hears(OVER, tab=2),
        nobody(),
        registers("nothing", tab=2),
        backend("exchange"),
    ],
    "legacy credentials": [
        *BOTH,
        ask("AUTH.SSO", sso("legacy"), gives=person("legacy", LEGACY)),
        hears(changed("legacy"), tab=2),
        move(80 * DAY),
        ask("AUTH.CREDENTIALS", gives=person("legacy", LEGACY)),
        hears(),
        ask("AUTH.SIGN_OUT", gives={}),
        hears(changed(None), tab=2),
        backend("exchange"),  # there is nothing to refresh or revoke
    ],
    "a session outlives its page": [
        *BOTH,
        signs_in("ann"),
        hears(changed("ann"), fresh(1), tab=2),
        {"renew": 1, "in": 2},
        registers({"user": {"name": "ann"}}, tab=2),
        hears(tab=2),
        init(2),
        hears(fresh(1), tab=2),
        credentials("ann", 1, 15, tab=2),
        backend("exchange"),
    ],
    "a page that goes away": [
        {"hold": "AUTH.SSO"},
        {"start": "it", "ask": "AUTH.SSO", "with": sso("ann"), "in": 2},
        {"arrived": "AUTH.SSO"},
        {"destroy": 1, "in": 2},
        {"end": "it", "in": 2, "fails": gave_up("DESTROYED")},
        ask("AUTH.SSO", sso("ann"), 2, fails=gave_up("DESTROYED", sent=False)),
        {"release": "AUTH.SSO"},
        {"renew": 1, "in": 2},
        registers("nothing", tab=2),
    ],
}
"""By what they show."""

AUTHORIZATION = {
    "authorizeUrl": "https://id.example.com/authorize?tenant=7",
    "clientId": "crm",
    "scope": "openid crm",
    "issuer": "string",
    "issRequired": True,
    "params": {"prompt": "consent", "max_age": "60", "acr_values": "1 2"},
}

PROVIDERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "access tokens": (
        {"accessTokens": True, "accessTokenLifeSeconds": 300},
        {"access_token": True},
    ),
    "no refresh token": ({"refreshTokens": False}, {"refresh_token": "optional"}),
    "an access token alone": (
        {"refreshTokens": False, "accessTokens": True, "accessTokenLifeSeconds": 300},
        {"access_token": True, "refresh_token": "optional"},
    ),
    "it says where to sign in": (
        {"password": False, "authorization": AUTHORIZATION},
        {
            "scope": AUTHORIZATION["scope"],
            "authorization_endpoint": AUTHORIZATION["authorizeUrl"],
            "iss_required": True,
            "authorization_params": {"prompt": "consent"},
            "max_age_seconds": 60,
            "acr_values": ["1", "2"],
        },
    ),
}
"""OpenID Connect providers, by what they give: the options of the mock, and the settings of the bus."""


def enters(user: str, credentials: Any, tab: int = 1) -> Step:
    """A sign-in at a provider."""
    return ask("AUTH.SSO", sso(user, codeVerifier="v" * 43), tab, gives=person(user, credentials))


def with_access(n: int, minutes: int = 5, *, alone: bool = False) -> dict[str, Any]:
    """Tokens with an access token that lives for so many minutes more."""
    given = {"idToken": f"id {n}"} if alone else tokens(n)
    return given | {"accessToken": f"access {n}", "accessTokenExpiresAt": minutes}


def holds(user: str, credentials: Any, minutes: int, tab: int = 1, **payload: Any) -> Step:
    gives = person(user, credentials) | {"expiresAt": minutes}
    return ask("AUTH.CREDENTIALS", payload, tab, gives=gives)


def pushed(credentials: Any) -> list[Any]:
    return ["AUTH.TOKEN_REFRESHED", credentials]


OF_PROVIDERS: dict[str, dict[str, list[Step]]] = {
    "it says where to sign in": {
        "what READY says": [
            {
                "ready": 1,
                "gives": {
                    "protocol": 1,
                    "services": ["AUTH"],
                    "types": [name for name in TYPES if name != "AUTH.EMAIL_AND_PASSWORD"],
                    "authorization": AUTHORIZATION,
                },
            },
        ],
        "a sign-in with PKCE alone": [
            ask("AUTH.SSO", sso("ann"), fails=invalid("codeVerifier")),
            ask("AUTH.SSO", sso("ann", nonce="n"), fails=invalid("codeVerifier")),
            backend(),
        ],
    },
    "access tokens": {
        "an access token comes with each pair, and is refreshed in time": [
            *BOTH,
            enters("ann", with_access(1)),
            hears(changed("ann"), pushed(with_access(1)), tab=2),
            holds("ann", with_access(1), 15),
            move(3 * 60),
            hears(),
            move(60),
            hears(pushed(with_access(2))),
            hears(pushed(with_access(2)), tab=2),
            holds("ann", with_access(2), 15, tab=2),
            backend("exchange", "refresh"),
        ],
        "both tokens must be good": [
            enters("ann", with_access(1)),
            holds("ann", with_access(1), 15, minValiditySeconds=600),  # half of each life
            move(3 * 60),
            holds("ann", with_access(1, 2), 12, minValiditySeconds=60),
            backend("exchange"),
            holds("ann", with_access(2), 15, minValiditySeconds=140),
            backend("refresh"),
        ],
        "an access token that has expired is not given": [
            enters("ann", with_access(1)),
            {"offline": 1},
            move(4 * 60),
            holds("ann", with_access(1, 1), 11),
            move(120),
            ask("AUTH.CREDENTIALS", fails=no("BACKEND_UNREACHABLE")),
            {"online": 1},
        ],
    },
    "no refresh token": {
        "the session ends with its ID token": [
            *BOTH,
            enters("ann", {"idToken": "id 1"}),
            hears(changed("ann"), pushed({"idToken": "id 1"}), tab=2),
            move(14 * 60),
            holds("ann", {"idToken": "id 1"}, 1, minValiditySeconds=600),
            hears(),
            hears(tab=2),
            move(120),
            hears(OVER),
            hears(OVER, tab=2),
            nobody(),
            nobody(tab=2),
            registers("nothing"),
            backend("exchange"),
        ],
        "without INIT it ends as well": [
            enters("ann", {"idToken": "id 1"}),
            move(QUARTER + 60),
            nobody(),
            hears(),
            backend("exchange"),
        ],
        "it is restored while its token lives": [
            enters("ann", {"idToken": "id 1"}),
            {"renew": 1, "in": 2},
            registers({"user": {"name": "ann"}}, tab=2),
            init(2),
            hears(pushed({"idToken": "id 1"}), tab=2),
            holds("ann", {"idToken": "id 1"}, 15, tab=2),
            ask("AUTH.SIGN_OUT", gives={}),
            hears(changed(None), tab=2),
            backend("exchange"),  # there is nothing to revoke
        ],
    },
    "an access token alone": {
        "the session ends with the token that ends first": [
            *BOTH,
            enters("ann", with_access(1, alone=True)),
            hears(changed("ann"), pushed(with_access(1, alone=True)), tab=2),
            move(4 * 60),
            holds("ann", with_access(1, 1, alone=True), 11, tab=2),
            move(120),
            hears(OVER),
            hears(OVER, tab=2),
            nobody(),
            backend("exchange"),
        ],
    },
}
"""By the provider, and by what they show. A provider's user has a `sub` as well, which is passed over."""

ALL: dict[str, tuple[dict[str, Any], list[Step]]] = {
    **{name: ({}, steps) for name, steps in SCENARIOS.items()},
    **{
        name: (PROVIDERS[kind][0], steps)
        for kind, scenarios in OF_PROVIDERS.items()
        for name, steps in scenarios.items()
    },
}
"""All scenarios by name: the options of the mock, and the steps."""

VERBS = (
    "start", "ask", "ready", "end", "abort", "hears", "destroy", "renew", "move", "offline",
    "online", "refuse", "fail", "heal", "hold", "release", "arrived", "backend",
)  # fmt: skip


def steps_of(name: str) -> list[Step]:
    """All steps of a scenario: its own between what each begins and ends with."""
    left = [step for tab in (1, 2) for step in (registers(None, tab), hears(tab=tab))]
    return [*PREPARED, *ALL[name][1], *({**step, "last": True} for step in left)]


def differences(name: str, do: Callable[[Step], Any], host: str) -> list[str]:
    """Play a scenario; return each step that comes out otherwise than the table says.

    `do` plays one step and returns {"came": ..., "now": milliseconds}.
    """
    named: dict[str, dict[str, str]] = {}
    found = []
    for step in steps_of(name):
        played = json.loads(json.dumps(step).replace(HOST, host))
        result = do(played)
        came = _normal(result["came"], result["now"], named)
        if problem := _difference(step, came):
            found.append(f"{name}: {json.dumps(step)[:160]}: {problem}")
    return found


def _difference(step: Step, came: Any) -> str:
    if "gives" in step and not step.get("last"):
        expected: Any = {"fulfilled": step["gives"]} if "ready" not in step else step["gives"]
    elif "fails" in step:
        expected = step["fails"]
    elif "hears" in step or "backend" in step:
        expected = step["hears" if "hears" in step else "backend"]
    else:
        return ""
    return "" if came == expected else f"came {json.dumps(came)}, expected {json.dumps(expected)}"


KINDS = {
    "idToken": "id",
    "refreshToken": "refresh",
    "accessToken": "access",
    "legacy_token": "legacy",
}


def _normal(value: Any, now: float, named: dict[str, dict[str, str]]) -> Any:
    if isinstance(value, list):
        return [_normal(each, now, named) for each in value]
    if not isinstance(value, dict):
        return value
    normal = {}
    for key, each in value.items():
        if key in KINDS:
            names = named.setdefault(key, {})
            normal[key] = names.setdefault(each, f"{KINDS[key]} {len(names) + 1}")
        elif key in ("expiresAt", "accessTokenExpiresAt"):
            normal[key] = round((each - now) / 60_000)
        elif key != "sub":
            normal[key] = _normal(each, now, named)
    return normal
