"""Messages that models and schemas judge: what both accept, what both refuse, and what only the models
refuse, because JSON Schema cannot say it.

As JSON text, by the message's name: some of them no parsed value could hold.
"""

import json
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
    # What is text already stays as it is.
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
        *({"type": type_} for type_ in ("BUS.INIT", "A.B", "A1_.B2_", "A." + "B" * 62, "A.FULFILLED")),
        {"type": "BUS.REGISTER", "id": "1", "payload": [1, 2]},
    ),
    refused=_texts(
        "{}",
        *(
            {"type": type_}
            for type_ in (
                "AUTH.SSO", "BUS.CANCEL", "BUS.READY", "BUS.LISTENING", "AUTH.TOKEN_REFRESHED", "A.B_FULFILLED",
                "A.B_REJECTED", "A.B_REJECTED\n", "A.B\n", "\nA.B", "", "A", "A.", ".A", "a.b", "A.b", "A.B.C", "1A.B", "A.1B",
                "A-B.C", " A.B", "\u00c4.B", "A." + "B" * 63, 1, None,
            )
        ),
    ),
    only_the_model_refuses=[],
)  # fmt: skip

# -- from the bus ---------------------------------------------------------------------------------

_MIGRATED = {"idToken": "a", "refreshToken": "b"}


def _fulfilled(**payload: Any) -> dict[str, Any]:
    signed_in = {"credentials": _MIGRATED, "currentUser": {}, "company": {}}
    meta = {"source": "backend", "status": 200}
    return {"type": "AUTH.SSO_FULFILLED", "payload": signed_in | payload, "meta": meta}


_FULFILLED = Samples(
    accepted=_texts(
        _fulfilled(),
        _fulfilled() | {"id": "1"},
        _fulfilled(currentUser={"a": [None, 0.1, {"": True}]}, company={"\u2028": 1e308}),
        *(
            _fulfilled(credentials=credentials)
            for credentials in _any(
                {"legacy_token": "c"},
                {"legacy_token": "c", "idToken": None},
                _MIGRATED | {"legacy_token": None},
            )
        ),
    ),
    refused=_texts(
        _without(_fulfilled(), "meta"),
        _without(_fulfilled(), "payload"),
        _fulfilled() | {"type": "AUTH.SSO_REJECTED"},
        _fulfilled() | {"meta": {"source": "bus"}},
        _fulfilled() | {"meta": {"source": "backend"}},
        *(_fulfilled() | {"meta": {"source": "backend", "status": status}} for status in (99, 600, "200", None)),
        *(
            _fulfilled(credentials=credentials)
            for credentials in _any(
                None, "token", [], {}, {"idToken": "a"}, {"refreshToken": "b"}, {"idToken": "a", "refreshToken": ""},
                {"idToken": 1, "refreshToken": "b"}, {"legacy_token": ""}, {"legacy_token": None}, {"legacyToken": "c"},
                _MIGRATED | {"legacy_token": "c"}, _MIGRATED | {"legacy_token": ""},
                {"legacy_token": "c", "idToken": "a"}, {"legacy_token": "c", "refreshToken": ""},
            )
        ),
        *(_fulfilled(currentUser=value) for value in _any(None, [], "x", 1)),
        *(_fulfilled(company=value) for value in _any(None, [], "x", 1)),
    ),
    only_the_model_refuses=[],
)  # fmt: skip


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


_right, _wrong = _by_bus("AUTH.SSO_REJECTED")
_REJECTED = Samples(
    accepted=_texts(
        *_right,
        *(
            _rejected("AUTH.SSO_REJECTED", error, source="backend", status=400)
            for error in _any(
                None, False, 0, -1.5, "no", [], {}, {"code": "X", "nested": {"a": []}}
            )
        ),
    ),
    refused=_texts(
        *_wrong,
        _rejected("AUTH.SSO_REJECTED", {}, source="backend"),
        _rejected("AUTH.SSO_REJECTED", {}, source="bus", status=400),
        _rejected("BUS.CANCEL_REJECTED", _fault(), source="bus"),
    ),
    only_the_model_refuses=[],
)

_right, _wrong = _by_bus("BUS.INIT_REJECTED")
_OTHER_REJECTED = Samples(
    accepted=_texts(*_right),
    refused=_texts(
        *_wrong,
        *(_rejected(type_, _fault(), source="bus") for type_ in ("BUS.INIT", "BUS.INIT_REJECTED\n", "_REJECTED")),
    ),
    only_the_model_refuses=[],
)  # fmt: skip


def _ready(**payload: Any) -> dict[str, Any]:
    return {
        "type": "BUS.READY",
        "payload": {"version": "0", "protocol": 1, "services": [], "types": []} | payload,
    }


def _report(event: str, **facts: Any) -> dict[str, Any]:
    return {"type": "BUS.DEBUG", "payload": {"event": event, "at": 1_700_000_000_000} | facts}


_ACCEPTED = _report("accepted", number=1, type="A.B", origin=URL, port=True, state="booting")
_DROPPED = _report("dropped", reason="not a request")
_REPLIED = _report("replied", number=1, type="A.B_REJECTED", origin=URL, port=False, source="bus")
_BACKEND = _report("backend", number=1, call=1, method="GET", url=URL)


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
        *(_report("session", kept=kept) for kept in ("partition", "memory")),
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
    ),
    only_the_model_refuses=[],
)

SAMPLES = {
    "AUTH.SSO": _SSO,
    "AUTH.SSO_FULFILLED": _FULFILLED,
    "AUTH.SSO_REJECTED": _REJECTED,
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
        accepted=_texts(_ready(), _ready(services=["AUTH"], types=["AUTH.SSO"], more=1)),
        refused=_texts(
            _without(_ready(), "payload"),
            _ready(version=1),
            _ready(protocol=2),
            _ready(services="AUTH"),
            _ready(services=[1]),
            _ready(types="AUTH.SSO"),
            _ready() | {"payload": {"version": "0", "protocol": 1, "types": []}},
            _ready() | {"payload": {"version": "0", "protocol": 1, "services": []}},
        ),
        only_the_model_refuses=[],
    ),
    "OTHER": _OTHER,
    "OTHER_REJECTED": _OTHER_REJECTED,
}
