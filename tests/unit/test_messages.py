"""Fields and replies as the protocol has them."""

import json
from typing import Any

import pytest

from bus.errors import BusError, Detail
from bus.messages import (
    MAX_DETAILS,
    MAX_LOC,
    Answer,
    Envelope,
    MigratedCredentials,
    SignedIn,
    SsoPayload,
    fulfilled,
    is_request_type,
    parse_envelope,
    parse_payload,
    ready,
    rejected,
    token_refreshed,
)
from tests.unit.fakes import ID_TOKEN, LEGACY_TOKEN, REFRESH_TOKEN, SIGNED_IN, VERIFIER, sso


def opened(message: dict[str, Any]) -> Envelope:
    envelope = parse_envelope(json.dumps(message))
    assert envelope
    return envelope


def parsed(**payload: str) -> SsoPayload:
    read = parse_payload(opened(sso("1", **payload))).payload
    assert isinstance(read, SsoPayload)
    return read


def details(message: dict[str, Any]) -> list[tuple[list[str | int], str]]:
    with pytest.raises(BusError) as caught:
        parse_payload(opened(message))
    assert caught.value.code == "INVALID_PAYLOAD"
    assert "MARK" not in str(caught.value)
    return [(list(detail.loc), detail.message) for detail in caught.value.details]


# -- fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "x",
        "c" * 4096,
        "\U0001f600" * 2048,
        "\u00e9\U0001f600",
        " ",
        "\0",
        '"\\',
        "null",
        "4/0Ab=&?#%",
    ],
)
def test_a_code_is_any_text(code: str) -> None:
    assert parsed(code=code).code == code


@pytest.mark.parametrize(
    "code", ["", "c" * 4097, "\U0001f600" * 2049, 1, None, True, ["x"], {"x": "y"}]
)
def test_what_is_no_code(code: Any) -> None:
    [(loc, _)] = details(sso(code=code))
    assert loc == ["code"]


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com",
        "HTTPS://app.example.com:443/A/../b/./c//?x=%7e&y=%7E&&=",
        "https://app.example.com/?q=+%20'\"<>`{}|^",
        "http://localhost:3000/cb",
        "http://127.0.0.1/cb",
        "https://app.example.com/" + "p" * 2024,
    ],
)
def test_a_redirect_url_is_kept_character_for_character(url: str) -> None:
    assert parsed(redirectUrl=url).redirectUrl == url


@pytest.mark.parametrize(
    "url",
    ["", "/callback", "http://app.example.com/", "https://u@app.example.com/", "https://app.example.com/#", 1, None,
     "https://app.example.com/" + "p" * 2025, "https://App.example.com/", "https://app.example.com/\u00fc", ["https://app.example.com/"]],
)  # fmt: skip
def test_bad_redirect_urls(url: Any) -> None:
    [(loc, _)] = details(sso(redirectUrl=url))
    assert loc == ["redirectUrl"]


@pytest.mark.parametrize("verifier", ["v" * 43, "v" * 128, "azAZ09-._~" * 5])
def test_code_verifiers(verifier: str) -> None:
    assert parsed(codeVerifier=verifier).codeVerifier == verifier


@pytest.mark.parametrize(
    "verifier",
    [
        "",
        "v" * 42,
        "v" * 129,
        "v" * 43 + "\n",
        "\n" + "v" * 43,
        "v" * 42 + "+",
        "v" * 42 + "\u00e9",
        1,
        None,
    ],
)
def test_bad_code_verifiers(verifier: int | str | None) -> None:
    [(loc, _)] = details(sso(codeVerifier=verifier))
    assert loc == ["codeVerifier"]


@pytest.mark.parametrize("nonce", ["n", "n" * 255, "\u00e9", "\U0001f600" * 127])
def test_nonces(nonce: str) -> None:
    assert parsed(nonce=nonce).nonce == nonce


@pytest.mark.parametrize("nonce", ["", "n" * 256, "\U0001f600" * 128, 1, None, []])
def test_what_is_no_nonce(nonce: Any) -> None:
    [(loc, _)] = details(sso(nonce=nonce))
    assert loc == ["nonce"]


def test_each_wrong_field_is_named() -> None:
    message = {
        "type": "AUTH.SSO",
        "payload": {"redirectUrl": "x", "codeVerifier": "x", "nonce": ""},
    }
    assert sorted(loc for loc, _ in details(message)) == [
        ["code"],
        ["codeVerifier"],
        ["nonce"],
        ["redirectUrl"],
    ]


def test_missing_fields_are_named() -> None:
    assert details({"type": "AUTH.SSO", "payload": {}}) == [
        (["code"], "is missing"),
        (["redirectUrl"], "is missing"),
    ]


@pytest.mark.parametrize(
    "key", ["redirectURL", "redirect_url", "Code", "", "__proto__", "\u00fc", "type", "id"]
)
def test_unknown_keys_are_named(key: str) -> None:
    message = sso()
    message["payload"][key] = "MARK"
    assert details(message) == [([key], "is not a field of this message")]


def test_details_are_capped() -> None:
    found = details(sso(None, **{f"{n}": 1 for n in range(1000)}))
    assert len(found) == MAX_DETAILS


def test_names_are_capped() -> None:
    [(loc, _)] = details(sso(None, **{"k" * 10_000: 1}))
    assert loc == ["k" * MAX_LOC]


def test_names_are_capped_in_utf_16_and_never_inside_a_pair() -> None:
    [(loc, _)] = details(sso(None, **{"k" + "\U0001f600" * 100: 1}))
    assert loc == ["k" + "\U0001f600" * 63]
    [(loc, _)] = details(sso(None, **{"\U0001f600" * 64: 1}))
    assert loc == ["\U0001f600" * 64]


@pytest.mark.parametrize(("pairs", "kept"), [(64, True), (65, False)])
def test_an_id_is_counted_in_utf_16(pairs: int, kept: bool) -> None:
    id_ = "\U0001f600" * pairs
    assert (opened(sso(id_)).id == id_) is kept


# -- types ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["AUTH.SSO", "BUS.CANCEL", "A.B", "A_1.B_2", "A." + "B" * 62])
def test_request_types(type_: str) -> None:
    assert is_request_type(type_)


@pytest.mark.parametrize(
    "type_",
    ["", "A", "A.", ".A", "a.b", "A.b", "A.B.C", "1A.B", "A.1B", "A-B.C", "A.B\n", " A.B", "A." + "B" * 63, "\u00c4.B",
     "A.B_FULFILLED", "A.B_REJECTED", "BUS.READY", "BUS.LISTENING", "AUTH.TOKEN_REFRESHED",
     "AUTH.REFRESH_TOKEN_EXPIRED", "AUTH.SESSION_CHANGED"],
)  # fmt: skip
def test_what_is_no_request_type(type_: str) -> None:
    assert not is_request_type(type_)


# -- credentials ----------------------------------------------------------------------------------

WITH_ACCESS = {"idToken": "a", "refreshToken": "b", "accessToken": "d", "accessTokenExpiresAt": 7}


def signed_in(credentials: Any, **more: Any) -> SignedIn:
    return SignedIn.model_validate(SIGNED_IN | {"credentials": credentials} | more)


def sent(answer: SignedIn) -> dict[str, Any]:
    return json.loads(fulfilled(Envelope(type="AUTH.SSO", id="1"), Answer(answer, 201)))


@pytest.mark.parametrize(
    ("credentials", "kept"),
    [
        ({"idToken": "a", "refreshToken": "b"}, {"idToken": "a", "refreshToken": "b"}),
        ({"idToken": "a", "refreshToken": "b", "more": 1}, {"idToken": "a", "refreshToken": "b"}),
        ({"legacy_token": "c"}, {"legacy_token": "c"}),
        ({"legacy_token": "c", "more": {"x": 1}}, {"legacy_token": "c"}),
        ({"legacy_token": "c", "idToken": None, "refreshToken": None}, {"legacy_token": "c"}),
        (
            {"idToken": "a", "refreshToken": "b", "legacy_token": None},
            {"idToken": "a", "refreshToken": "b"},
        ),
        ({"idToken": "a"}, {"idToken": "a"}),
        (WITH_ACCESS, WITH_ACCESS),
    ],
)
def test_credentials(credentials: dict[str, Any], kept: dict[str, Any]) -> None:
    assert sent(signed_in(credentials)) == {
        "type": "AUTH.SSO_FULFILLED",
        "id": "1",
        "payload": SIGNED_IN | {"credentials": kept},
        "meta": {"source": "backend", "status": 201},
    }


NO_CREDENTIALS: list[Any] = [
    None, "token", [], {}, {"refreshToken": "b"}, {"accessToken": "d"}, {"idToken": "a", "refreshToken": ""},
    WITH_ACCESS | {"accessToken": ""}, WITH_ACCESS | {"accessToken": None}, WITH_ACCESS | {"legacy_token": "c"},
    WITH_ACCESS | {"accessTokenExpiresAt": "7"}, {"legacy_token": "c", "accessToken": "d"},
    {"idToken": "", "refreshToken": "b"}, {"idToken": 1, "refreshToken": "b"}, {"legacy_token": ""},
    {"legacy_token": None}, {"legacyToken": "c"}, {"idToken": "a", "refreshToken": "b", "legacy_token": "c"},
    {"legacy_token": "c", "idToken": "a"}, {"legacy_token": "c", "refreshToken": "b"},
    {"legacy_token": "c", "idToken": ""}, {"legacy_token": "c", "refreshToken": 1},
    {"idToken": "a", "refreshToken": "b", "legacy_token": ""}, {"idToken": "a", "refreshToken": "b", "legacy_token": []},
]  # fmt: skip


@pytest.mark.parametrize("credentials", NO_CREDENTIALS)
def test_what_are_no_credentials(credentials: Any) -> None:
    with pytest.raises(ValueError, match="credentials"):
        signed_in(credentials)


def test_a_token_that_is_not_there_is_not_sent() -> None:
    tokens = MigratedCredentials.model_construct(
        idToken="a", refreshToken="", accessToken="", accessTokenExpiresAt=0
    )
    assert json.loads(token_refreshed(tokens))["payload"] == {"idToken": "a"}
    answer = SignedIn(credentials=tokens, currentUser={}, company={})
    assert sent(answer)["payload"]["credentials"] == {"idToken": "a"}


def test_user_and_company_are_passed_on_whole() -> None:
    user = {
        "deep": [{"a": [None, True, 0.1, 10**30, 2**53 + 1, -5e-324]}],
        "": "",
        "__proto__": {},
        "\u2028": "\0",
    }
    reply = sent(signed_in({"legacy_token": "c"}, currentUser=user, company={}, more=1))
    assert reply["payload"] == {
        "credentials": {"legacy_token": "c"},
        "currentUser": user,
        "company": {},
    }


@pytest.mark.parametrize("value", [None, [], "x", 1])
@pytest.mark.parametrize("name", ["currentUser", "company"])
def test_user_and_company_are_objects(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        signed_in({"legacy_token": "c"}, **{name: value})


@pytest.mark.parametrize(
    "credentials",
    [
        {"idToken": ID_TOKEN, "refreshToken": REFRESH_TOKEN, "accessToken": "MARK-access"},
        {"legacy_token": LEGACY_TOKEN},
    ],
)
def test_tokens_do_not_show_in_a_representation(credentials: dict[str, str]) -> None:
    kept = signed_in(credentials).credentials
    assert "MARK" not in f"{kept!r} {kept}"


def test_a_requests_secrets_do_not_show_in_a_representation() -> None:
    payload = parsed(
        codeVerifier=VERIFIER, nonce="MARK-nonce", redirectUrl="https://app.example.com/"
    )
    assert "MARK" not in f"{payload!r} {payload}"


# -- replies --------------------------------------------------------------------------------------


def test_ready() -> None:
    assert json.loads(ready()) == {
        "type": "BUS.READY",
        "payload": {
            "version": "0.1.0",
            "protocol": 1,
            "services": ["AUTH"],
            "types": ["AUTH.SSO", "BUS.CANCEL"],
        },
    }


def test_an_error_with_all_there_is() -> None:
    error = BusError(
        "INVALID_PAYLOAD", "No.", details=(Detail(("a", 0), "is missing"),), status=400
    )
    assert json.loads(rejected(Envelope(type="A.B", id="1"), error)) == {
        "type": "A.B_REJECTED",
        "id": "1",
        "payload": {
            "error": {
                "code": "INVALID_PAYLOAD",
                "message": "No.",
                "details": [{"loc": ["a", 0], "message": "is missing"}],
            }
        },
        "meta": {"source": "bus", "status": 400},
    }


def test_an_error_with_as_little_as_there_is() -> None:
    assert json.loads(rejected(Envelope(type="A.B"), BusError("CANCELLED", "Yes."))) == {
        "type": "A.B_REJECTED",
        "payload": {"error": {"code": "CANCELLED", "message": "Yes."}},
        "meta": {"source": "bus"},
    }
