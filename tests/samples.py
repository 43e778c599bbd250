"""Messages that models and schemas judge: what both accept, what both refuse, and what only the models
refuse, because JSON Schema cannot say it.

As JSON text, by the message's name: some of them no parsed value could hold.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bus.errors import CODES

URL = "https://app.example.com/cb"
VERIFIER = "azAZ09-._~" * 5


@dataclass(frozen=True)
class Samples:
    accepted: list[str]
    refused: list[str]
    only_the_model_refuses: list[str]


def _texts(*values: Any) -> list[str]:
    # Text stays unchanged.
    return [value if isinstance(value, str) else json.dumps(value) for value in values]


def _any(*values: Any) -> tuple[Any, ...]:
    return values


def _sso(**payload: Any) -> dict[str, Any]:
    return {"type": "AUTH.SSO", "payload": {"code": "c", "redirectUrl": URL} | payload}


def _without(message: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in names}


_SSO = Samples(
    accepted=_texts(
        _sso(),
        _sso() | {"id": "1"},
        _sso() | {"id": "i" * 128, "more": [{}]},
        *(_sso(code=code) for code in ("c" * 4096, "\U0001f600" * 2048, " ", "\0", "\n", '"\\')),
        *(
            _sso(redirectUrl=url)
            for url in (
                "https://app.example.com",
                "HTTPS://app.example.com:443/A/../b/./c//?x=%7e&y=%7E&&=",
                "https://app.example.com/?q=+%20'\"<>`{}|^",
                "https://app.example.com?x=@",
                "https://app.example.com/@user",
                "https://xn--mlut-loa9d.example/%C3%BC",
                "https://[2001:db8::1]:8443/cb",
                "http://localhost:3000/cb",
                "http://127.0.0.1/cb",
                "http://[::1]/",
                "https://app.example.com/" + "p" * 2024,
            )
        ),
        *(_sso(codeVerifier=verifier) for verifier in ("v" * 43, "v" * 128, VERIFIER)),
        *(_sso(nonce=nonce) for nonce in ("n", "\U0001f600" * 127, "\n")),
    ),
    refused=_texts(
        "null", "[]", "{}", '"AUTH.SSO"',
        {"type": "AUTH.SSO"},
        {"type": "AUTH.SSO", "payload": None},
        {"type": "AUTH.SSO", "payload": []},
        {"type": "AUTH.SSO", "payload": {}},
        {"type": "AUTH.SSO", "payload": {"code": "c"}},
        {"type": "AUTH.SSO", "payload": {"redirectUrl": URL}},
        _without(_sso(), "type"),
        _sso() | {"type": "auth.sso"},
        *(_sso() | {"id": id_} for id_ in ("", "i" * 129, 1, None, ["1"])),
        *(_sso(code=code) for code in ("", "c" * 4097, 1, None, True, ["c"], {"c": "c"})),
        *(
            _sso(redirectUrl=url)
            for url in (
                "", "/cb", "app.example.com", "//app.example.com/", "https:app.example.com", "https:///cb", "https://",
                "https://?x", "ftp://app.example.com/", "javascript:alert(1)", "xhttps://app.example.com/",
                "https://app.example.com/#", "https://app.example.com/?x#y", "https://app.example.com#@",
                "https://u@app.example.com/", "https://u:p@app.example.com/", "https://@app.example.com/",
                "https://app.example.com@evil.example?x", "https://app.example.com/a b", " https://app.example.com/",
                "https://app.example.com/\n", "https://app.exam\tple.com/", "https://app.example.com/\0",
                "https://app.example.com/\x7f", "https://app.example.com/\x85", "https://app.example.com/\u2028",
                "https://app.example.com\\@evil.example/", "https://app.example.com/" + "p" * 2025,
                "https://\u00fcml\u00e4ut.example/", "https://app.example.com/\u00fc",
                "http://l\u24deca\u24dbhost/", "https://app.example.com\u200e/", 1, None, [URL],
            )
        ),
        *(
            _sso(codeVerifier=verifier)
            for verifier in ("", "v" * 42, "v" * 129, "v" * 43 + "\n", "\n" + "v" * 43, "v" * 42 + "+", "v" * 42 + "\u00e9",
                             1, None)
        ),
        *(_sso(nonce=nonce) for nonce in _any("", "n" * 256, 1, None, [])),
        *(_sso(**{key: "x"}) for key in ("redirectURL", "Code", "", "type", "id")),
    ),
    only_the_model_refuses=_texts(
        # a host that is no host, or http on one that is not this machine
        *(
            _sso(redirectUrl=url)
            for url in (
                "http://app.example.com/", "http://localhost.example.com/", "http://192.168.0.1/", "http://[::]/",
                "https://app.example.com:99999/", "https://app.example.com:x/", "https://[::1/", "https://%00.example/",
                "https://a<b/", "https://*.example.com/", "https://app.example.com;sandbox/",
                # a host that is written otherwise than a parser writes it
                "https://App.example.com/", "http://127.1/cb", "http://2130706433/", "http://0x7f.1/", "http://127.0.0.1./", "http://[0:0::1]/",
                "https://%61pp.example.com/", "https://%zz/",
            )
        ),
        # lengths in code points would do
        *(_sso(**{name: "\U0001f600" * count}) for name, count in (("code", 2049), ("nonce", 128))),
        _sso() | {"id": "\U0001f600" * 65},
        # lone surrogates, which Unicode text does not have but JSON's escapes can name
        *(
            json.dumps(_sso() | {"id": "MARK"} | _sso(**{field: "MARK"})).replace("MARK", "\\ud800")
            for field in ("code", "nonce")
        ),
    ),
)  # fmt: skip

_CANCEL = Samples(
    accepted=_texts(
        {"type": "BUS.CANCEL", "payload": {"id": "1"}},
        {"type": "BUS.CANCEL", "id": "2", "payload": {"id": "i" * 128}},
    ),
    refused=_texts(
        {"type": "BUS.CANCEL"},
        {"type": "BUS.CANCEL", "payload": {}},
        {"type": "BUS.CANCEL", "payload": {"id": ""}},
        {"type": "BUS.CANCEL", "payload": {"id": "i" * 129}},
        {"type": "BUS.CANCEL", "payload": {"id": 1}},
        {"type": "BUS.CANCEL", "payload": {"id": "1", "more": 1}},
        {"type": "AUTH.SSO", "payload": {"id": "1"}},
    ),
    only_the_model_refuses=_texts('{"type": "BUS.CANCEL", "payload": {"id": "\\udc00"}}'),
)

_OTHER = Samples(
    accepted=_texts(
        *({"type": type_} for type_ in ("BUS.PROBE", "A.B", "A1_.B2_", "A." + "B" * 62, "A.FULFILLED")),
        {"type": "CRM.FIND", "id": "1", "payload": [1, 2]},
    ),
    refused=_texts(
        "{}",
        *(
            {"type": type_}
            for type_ in (
                "AUTH.SSO", "BUS.CANCEL", "AUTH.CREDENTIALS", "BUS.INIT", "BUS.READY", "BUS.LISTENING", "AUTH.TOKEN_REFRESHED", "A.B_FULFILLED",
                "A.B_REJECTED", "A.B_REJECTED\n", "A.B\n", "\nA.B", "", "A", "A.", ".A", "a.b", "A.b", "A.B.C", "1A.B", "A.1B",
                "A-B.C", " A.B", "\u00c4.B", "A." + "B" * 63, 1, None,
            )
        ),
    ),
    only_the_model_refuses=[],
)  # fmt: skip


# -- the session's requests -----------------------------------------------------------------------


def _request(type_: str, **payload: Any) -> dict[str, Any]:
    return {"type": type_, "payload": payload}


def _frames(right: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """What is right and what is wrong with the frame of a request."""
    return (
        [right, right | {"id": "i" * 128, "more": [{}]}],
        [
            "null", "{}",
            _without(right, "payload"),
            _without(right, "type"),
            *(right | {"payload": payload} for payload in _any(None, [], "x", 1)),
            *(right | {"id": id_} for id_ in ("", "i" * 129, 1, None)),
            right | {"type": right["type"].lower()},
            right | {"payload": right["payload"] | {"colour": "red"}},
        ],
    )  # fmt: skip


def _samples(right: dict[str, Any], accepted: list[Any], refused: list[Any], *only: str) -> Samples:
    good, bad = _frames(right)
    return Samples(_texts(*good, *accepted), _texts(*bad, *refused), list(only))


def _sign_in(**payload: Any) -> dict[str, Any]:
    return _request(
        "AUTH.EMAIL_AND_PASSWORD", **{"email": "a@b.example", "password": "p"} | payload
    )


def _register(**payload: Any) -> dict[str, Any]:
    fields = {"origin": "https://app.example.com", "appName": "CRM", "release": "1"}
    return _request("BUS.REGISTER", **fields | payload)


def _valid_for(seconds: Any) -> dict[str, Any]:
    return _request("AUTH.CREDENTIALS", minValiditySeconds=seconds)


def _services(type_: str) -> Samples:
    return _samples(
        _request(type_, services=["AUTH"]),
        [_request(type_, services=services) for services in ([], ["AUTH", "CRM", ""], ["A"] * 64)],
        [
            _request(type_),
            *(
                _request(type_, services=services)
                for services in _any(None, "AUTH", {"0": "AUTH"}, [1], [None], ["A"] * 65)
            ),
        ],
    )


_EMOJI = "\U0001f600"
_SESSION = {
    "AUTH.EMAIL_AND_PASSWORD": _samples(
        _sign_in(),
        [
            *(_sign_in(email=email) for email in ("a@b", ".!#$%&'*+/=?^_`{|}~-@a-1.b", "a@" + "b" * 63, "a" * 252 + "@b")),
            *(_sign_in(password=password) for password in (" ", "\n", "\0", "p" * 1024, _EMOJI * 512)),
        ],
        [
            *(
                _sign_in(email=email)
                for email in ("", "a", "@b", "a@", "a b@c", "a@b c", "a@b\n", "\na@b", "a@@b", "a@b.", "a@-b", "a@b-", "a@b..c",
                              "a@" + "b" * 64, "a" * 253 + "@b", "\u00e4@b", "a@\u00fc.example", 1, None, ["a@b"])
            ),
            *(_sign_in(password=password) for password in ("", "p" * 1025, 1, None, ["p"])),
            _request("AUTH.EMAIL_AND_PASSWORD", email="a@b"),
            _request("AUTH.EMAIL_AND_PASSWORD", password="p"),
        ],
        json.dumps(_sign_in(password=_EMOJI * 513)),
        json.dumps(_sign_in(password="MARK")).replace("MARK", "\\ud800"),
    ),
    "AUTH.CREDENTIALS": _samples(
        _request("AUTH.CREDENTIALS"),
        [_valid_for(seconds) for seconds in (0, 0.5, 600, 600.0)],
        [_valid_for(seconds) for seconds in _any(-1, -0.1, 601, 600.5, "60", None, True, [60])],
    ),
    "AUTH.SIGN_OUT": _samples(_request("AUTH.SIGN_OUT"), [], []),
    "BUS.REGISTER": _samples(
        _register(),
        [
            *(_register(origin=origin) for origin in ("", "x")),  # the bus compares it
            *(_register(appName=name, release=name) for name in (" ", "n" * 128, _EMOJI * 64)),
        ],
        [
            _register(origin=None),
            *(_register(appName=name) for name in ("", "n" * 129, 1, None)),
            *(_register(release=name) for name in ("", "n" * 129, 1, None)),
            _request("BUS.REGISTER", appName="CRM", release="1"),
        ],
        json.dumps(_register(appName=_EMOJI * 65)),
        json.dumps(_register(release=_EMOJI * 65)),
    ),
    "BUS.INIT": _services("BUS.INIT"),
    "BUS.DESTROY": _services("BUS.DESTROY"),
}  # fmt: skip

# -- from the bus ---------------------------------------------------------------------------------
_MIGRATED = {"idToken": "a", "refreshToken": "b"}
_OF_PROVIDER: list[dict[str, Any]] = [
    {"idToken": "a"},
    {"idToken": "a", "accessToken": "d"},
    _MIGRATED | {"accessToken": "d", "accessTokenExpiresAt": 1_700_000_000_000},
]
"""What only OpenID Connect providers give."""

_GOOD = _any(
    {"legacy_token": "c"},
    {"legacy_token": "c", "idToken": None},
    _MIGRATED | {"legacy_token": None},
    *_OF_PROVIDER,
)
_BAD = _any(
    None, "token", [], {}, {"refreshToken": "b"}, {"accessToken": "d"}, {"idToken": "a", "refreshToken": ""},
    _MIGRATED | {"accessToken": ""}, _MIGRATED | {"accessToken": "d", "accessTokenExpiresAt": "1"},
    {"legacy_token": "c", "accessToken": "d"},
    {"idToken": 1, "refreshToken": "b"}, {"legacy_token": ""}, {"legacy_token": None}, {"legacyToken": "c"},
    _MIGRATED | {"legacy_token": "c"}, _MIGRATED | {"legacy_token": ""}, {"legacy_token": "c", "idToken": "a"},
    {"legacy_token": "c", "refreshToken": ""},
)  # fmt: skip


def _of(type_: str) -> Callable[..., dict[str, Any]]:
    def made(**payload: Any) -> dict[str, Any]:
        signed_in = {"credentials": _MIGRATED, "currentUser": {}, "company": {}}
        meta = {"source": "backend", "status": 200}
        return {"type": type_, "payload": signed_in | payload, "meta": meta}

    return made


def _signed_in(type_: str) -> Samples:
    fulfilled = _of(type_)
    return Samples(
        accepted=_texts(
            fulfilled(),
            fulfilled() | {"id": "1"},
            fulfilled(currentUser={"a": [None, 0.1, {"": True}]}, company={"\u2028": 1e308}),
            *(fulfilled(credentials=credentials) for credentials in _GOOD),
        ),
        refused=_texts(
            _without(fulfilled(), "meta"),
            _without(fulfilled(), "payload"),
            fulfilled() | {"type": type_.replace("FULFILLED", "REJECTED")},
            fulfilled() | {"meta": {"source": "bus"}},
            fulfilled() | {"meta": {"source": "backend"}},
            *(
                fulfilled() | {"meta": {"source": "backend", "status": status}}
                for status in (99, 600, "200", None)
            ),
            *(fulfilled(credentials=credentials) for credentials in _BAD),
            *(fulfilled(currentUser=value) for value in _any(None, [], "x", 1)),
            *(fulfilled(company=value) for value in _any(None, [], "x", 1)),
        ),
        only_the_model_refuses=[],
    )


def _rejected(type_: str, error: Any, **meta: Any) -> dict[str, Any]:
    return {"type": type_, "payload": {"error": error}, "meta": meta}


def _fault(**more: Any) -> dict[str, Any]:
    return {"code": "INTERNAL", "message": "m"} | more


def _by_bus(type_: str) -> tuple[list[Any], list[Any]]:
    """What is right and what is wrong with a rejection of the bus's own."""
    detail = {"loc": ["a", 0], "message": "m"}
    right = [
        *(_rejected(type_, _fault(code=code), source="bus") for code in CODES),
        _rejected(type_, _fault(), source="bus", status=502) | {"id": "1"},
        _rejected(type_, _fault(details=[detail] * 64), source="bus"),
    ]
    wrong = [
        _rejected(type_, _fault(code="REJECTED"), source="bus"),
        _rejected(type_, {"code": "INTERNAL"}, source="bus"),
        _rejected(type_, _fault(details=[]), source="bus"),
        _rejected(type_, _fault(details=[detail] * 65), source="bus"),
        _rejected(type_, _fault(details=[{"loc": [0.5], "message": "m"}]), source="bus"),
        _rejected(type_, _fault(details=[{"loc": []}]), source="bus"),
        _rejected(type_, _fault(), source="bus", status=None),
        _rejected(type_, _fault(), source="host"),
        _rejected(type_, _fault()),
        _rejected(type_, _fault(), source="bus") | {"id": ""},
        _rejected(type_, _fault(), source="bus") | {"payload": {}},
        _rejected("AUTH.SSO_FULFILLED", _fault(), source="bus"),
    ]
    return right, wrong


def _by_either(type_: str) -> Samples:
    right, wrong = _by_bus(type_)
    return Samples(
        accepted=_texts(
            *right,
            *(
                _rejected(type_, error, source="backend", status=400)
                for error in _any(
                    None, False, 0, -1.5, "no", [], {}, {"code": "X", "nested": {"a": []}}
                )
            ),
        ),
        refused=_texts(
            *wrong,
            _rejected(type_, {}, source="backend"),
            _rejected(type_, {}, source="bus", status=400),
            _rejected("BUS.CANCEL_REJECTED", _fault(), source="bus"),
        ),
        only_the_model_refuses=[],
    )


def _by_bus_alone(type_: str) -> Samples:
    right, wrong = _by_bus(type_)
    by_backend = _rejected(type_, {"code": "X"}, source="backend", status=400)
    another = _rejected("BUS.CANCEL_REJECTED", _fault(), source="bus")
    return Samples(_texts(*right), _texts(*wrong, by_backend, another), [])


def _from_bus(type_: str, payload: dict[str, Any] | None = None) -> dict[str, Any]:
    reply = {"type": type_, "meta": {"source": "bus"}}
    return reply if payload is None else reply | {"payload": payload}


def _holding(**payload: Any) -> dict[str, Any]:
    return _of("AUTH.CREDENTIALS_FULFILLED")(**payload) | {"meta": {"source": "bus"}}


def _told(right: list[Any], wrong: list[Any]) -> Samples:
    """A reply that the bus makes of what it has: the first is right."""
    bad = [
        _without(right[0], "meta"),
        right[0] | {"meta": {"source": "host"}},
        right[0] | {"id": ""},
        right[0] | {"type": "BUS.READY"},
    ]
    return Samples(_texts(*right, right[0] | {"id": "1"}), _texts(*bad, *wrong), [])


def _pushed(type_: str, right: list[Any], wrong: tuple[Any, ...]) -> Samples:
    return Samples(
        _texts(*({"type": type_, "payload": payload} for payload in right)),
        _texts({"type": type_}, *({"type": type_, "payload": payload} for payload in wrong)),
        [],
    )


_OF_SESSION = {
    "AUTH.EMAIL_AND_PASSWORD_FULFILLED": _signed_in("AUTH.EMAIL_AND_PASSWORD_FULFILLED"),
    "AUTH.EMAIL_AND_PASSWORD_REJECTED": _by_either("AUTH.EMAIL_AND_PASSWORD_REJECTED"),
    "AUTH.CREDENTIALS_FULFILLED": _told(
        [
            _holding(),
            _holding(expiresAt=1_700_000_000_000),
            *(_holding(credentials=credentials) for credentials in _GOOD),
        ],
        [
            _without(_holding(), "payload"),
            *(_holding(expiresAt=value) for value in _any(0.5, "1", None)),
            *(_holding(credentials=credentials) for credentials in _BAD),
            _holding(currentUser=None),
            _holding(company=[]),
        ],
    ),
    "AUTH.CREDENTIALS_REJECTED": _by_either("AUTH.CREDENTIALS_REJECTED"),
    "AUTH.SIGN_OUT_FULFILLED": _told(
        [
            _from_bus("AUTH.SIGN_OUT_FULFILLED", payload)
            for payload in ({}, {"logoutUrl": "https://login.example.com/logout"})
        ],
        [
            _from_bus("AUTH.SIGN_OUT_FULFILLED"),
            _from_bus("AUTH.SIGN_OUT_FULFILLED", {"logoutUrl": None}),
        ],
    ),
    "AUTH.SIGN_OUT_REJECTED": _by_bus_alone("AUTH.SIGN_OUT_REJECTED"),
    "BUS.REGISTER_FULFILLED": _told(
        [
            _from_bus("BUS.REGISTER_FULFILLED"),
            _from_bus("BUS.REGISTER_FULFILLED", {"user": {"name": "x"}}),
        ],
        [
            _from_bus("BUS.REGISTER_FULFILLED", {}),
            _from_bus("BUS.REGISTER_FULFILLED", {"user": None}),
            _from_bus("BUS.REGISTER_FULFILLED") | {"payload": None},
        ],
    ),
    "BUS.REGISTER_REJECTED": _by_bus_alone("BUS.REGISTER_REJECTED"),
    "BUS.INIT_FULFILLED": _told([_from_bus("BUS.INIT_FULFILLED")], []),
    "BUS.INIT_REJECTED": _by_bus_alone("BUS.INIT_REJECTED"),
    "BUS.DESTROY_FULFILLED": _told([_from_bus("BUS.DESTROY_FULFILLED")], []),
    "BUS.DESTROY_REJECTED": _by_bus_alone("BUS.DESTROY_REJECTED"),
    "AUTH.TOKEN_REFRESHED": _pushed(
        "AUTH.TOKEN_REFRESHED",
        [_MIGRATED, *_OF_PROVIDER],
        _any(
            None,
            {},
            {"refreshToken": "b"},
            {"idToken": "a", "refreshToken": ""},
            {"idToken": "a", "accessToken": ""},
            {"legacy_token": "c"},
        ),
    ),
    "AUTH.REFRESH_TOKEN_EXPIRED": Samples(
        _texts({"type": "AUTH.REFRESH_TOKEN_EXPIRED"}),
        _texts({}, {"type": "AUTH.REFRESH_TOKEN"}),
        [],
    ),
    "AUTH.SESSION_CHANGED": _pushed(
        "AUTH.SESSION_CHANGED",
        [{"user": None}, {"user": {"name": "x"}}],
        _any(None, {}, {"user": []}),
    ),
}

_right, _wrong = _by_bus("CRM.FIND_REJECTED")
_OTHER_REJECTED = Samples(
    accepted=_texts(*_right),
    refused=_texts(
        *_wrong,
        *(_rejected(type_, _fault(), source="bus") for type_ in ("CRM.FIND", "CRM.FIND_REJECTED\n", "_REJECTED")),
    ),
    only_the_model_refuses=[],
)  # fmt: skip


def _ready(**payload: Any) -> dict[str, Any]:
    return {
        "type": "BUS.READY",
        "payload": {"version": "0", "protocol": 1, "services": [], "types": []} | payload,
    }


_AUTHORIZATION = {
    "authorizeUrl": URL,
    "clientId": "crm",
    "scope": "openid",
    "issuer": URL,
    "issRequired": True,
    "params": {"prompt": "consent", "resource": ["a", "b"]},
}


def _report(event: str, **facts: Any) -> dict[str, Any]:
    return {"type": "BUS.DEBUG", "payload": {"event": event, "at": 1_700_000_000_000} | facts}


_ACCEPTED = _report("accepted", number=1, type="A.B", origin=URL, port=True, state="booting")
_DROPPED = _report("dropped", reason="not a request")
_REPLIED = _report("replied", number=1, type="A.B_REJECTED", origin=URL, port=False, source="bus")
_BACKEND = _report("backend", number=1, call=1, method="GET", url=URL)
_MEMORY = _report("session", kept="memory", reason="the browser's storage fails")


def _with(message: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return message | {"payload": message["payload"] | facts}


_DEBUG = Samples(
    accepted=_texts(
        _ACCEPTED,
        *(_with(_ACCEPTED, state=state, id="1", bytes=1) for state in ("serving", "down")),
        *(_with(_DROPPED, **facts) for facts in ({}, {"number": 2}, {"origin": URL}, {"more": 3})),
        _REPLIED,
        *(_with(_REPLIED, code=code, id="1") for code in CODES),
        _with(_REPLIED, source="backend", status=200),
        _BACKEND,
        _with(_BACKEND, method="POST", ms=0, outcome="answered", status=200),
        *(_with(_BACKEND, ms=9, outcome=outcome) for outcome in ("failed", "aborted")),
        _with(_BACKEND, more=[1]),
        _report("backend", call=1, method="GET", url=URL),
        _MEMORY,
        _report("session", kept="partition"),
    ),
    refused=_texts(
        {"type": "BUS.DEBUG"},
        _report("other"),
        *(_with(one, at=at) for one in (_ACCEPTED, _DROPPED) for at in ("1", None, 1.5)),
        *(
            _with(one, number=number)
            for one in (_ACCEPTED, _REPLIED, _BACKEND)
            for number in (0, None, "1")
        ),
        _with(_ACCEPTED, state="dead"),
        _with(_ACCEPTED, port=1),
        _with(_ACCEPTED, id=""),
        _with(_DROPPED, reason=None),
        _with(_DROPPED, more=0),
        _with(_REPLIED, code="NO_SUCH"),
        _with(_REPLIED, source="host"),
        _with(_REPLIED, status=99),
        _with(_BACKEND, method="PUT"),
        _with(_BACKEND, outcome="lost"),
        _with(_BACKEND, ms=-1),
        _with(_MEMORY, kept="cookies"),
        _with(_MEMORY, reason=None),
    ),
    only_the_model_refuses=[],
)

SAMPLES = {
    "AUTH.SSO": _SSO,
    "AUTH.SSO_FULFILLED": _signed_in("AUTH.SSO_FULFILLED"),
    "AUTH.SSO_REJECTED": _by_either("AUTH.SSO_REJECTED"),
    **_SESSION,
    **_OF_SESSION,
    "BUS.CANCEL": _CANCEL,
    "BUS.DEBUG": _DEBUG,
    "BUS.LISTENING": Samples(
        accepted=_texts({"type": "BUS.LISTENING", "payload": {"protocol": 1}}),
        refused=_texts(
            {"type": "BUS.LISTENING"},
            {"type": "BUS.LISTENING", "payload": {}},
            {"type": "BUS.READY", "payload": {"protocol": 1}},
            *(
                {"type": "BUS.LISTENING", "payload": {"protocol": value}}
                for value in (2, "1", True, None)
            ),
        ),
        only_the_model_refuses=[],
    ),
    "BUS.READY": Samples(
        accepted=_texts(
            _ready(),
            _ready(services=["AUTH"], types=["AUTH.SSO"], more=1),
            _ready(authorization=_AUTHORIZATION),
            _ready(authorization=_AUTHORIZATION | {"params": {}, "more": 1}),
        ),
        refused=_texts(
            _without(_ready(), "payload"),
            _ready(version=1),
            _ready(protocol=2),
            _ready(services="AUTH"),
            _ready(services=[1]),
            _ready(types="AUTH.SSO"),
            _ready() | {"payload": {"version": "0", "protocol": 1, "types": []}},
            _ready() | {"payload": {"version": "0", "protocol": 1, "services": []}},
            *(
                _ready(authorization=authorization)
                for authorization in (
                    None,
                    {},
                    *(
                        {k: v for k, v in _AUTHORIZATION.items() if k != name}
                        for name in _AUTHORIZATION
                    ),
                    *(_AUTHORIZATION | {name: 1} for name in _AUTHORIZATION),
                    _AUTHORIZATION | {"params": {"resource": [1]}},
                )
            ),
        ),
        only_the_model_refuses=[],
    ),
    "OTHER": _OTHER,
    "OTHER_REJECTED": _OTHER_REJECTED,
}
