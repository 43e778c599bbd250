"""The generated files: they are committed, and they agree with the models."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from bus import PROTOCOL
from bus.errors import CODES, BusError, Detail, Rejected, invalid_field
from bus.messages import (
    FROM_BUS,
    Answer,
    AnyRequest,
    Envelope,
    Holding,
    MigratedCredentials,
    Restored,
    SignedIn,
    SignedOut,
    fulfilled,
    parse_envelope,
    parse_payload,
    ready,
    refresh_token_expired,
    rejected,
    require,
    session_changed,
    token_refreshed,
)
from host.tools.paths import ROOT
from host.tools.types import documents
from host.tools.types.__main__ import main
from host.tools.types.asyncapi import asyncapi
from host.tools.types.docstrings import field_docs
from host.tools.types.messages import ANNOUNCED, KNOWN, MESSAGES, PUSHED, Fault
from host.tools.types.schema import message_schema
from host.tools.types.text import first_paragraph
from tests.samples import SAMPLES
from tests.unit.fakes import SIGNED_IN
from tests.unit.module_codes import codes_of_the_modules
from tests.unit.url_samples import BAD_URLS, GOOD_URLS, NOT_ASCII, OTHERWISE_WRITTEN
from tests.wire import MODELS, VALIDATORS, assert_from_bus

DOCUMENTS = documents()
SCHEMAS = {
    message.type: json.loads(DOCUMENTS[ROOT / f"docs/schema/{message.type}.json"])
    for message in MESSAGES
}


def model_accepts(type_: str, text: str) -> bool:
    try:
        MODELS[type_].validate_json(text)
    except ValidationError:
        return False
    return True


def schema_accepts(type_: str, text: str) -> bool:
    return VALIDATORS[type_].is_valid(json.loads(text))


# -- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_committed_is_what_the_models_say(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path], "stale: run `make generate`"


def test_no_schema_is_left_over() -> None:
    made = {path for path in DOCUMENTS if path.parent.name == "schema"}
    assert set((ROOT / "docs/schema").iterdir()) == made


def test_only_what_is_stale_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh, stale, new = tmp_path / "fresh", tmp_path / "stale", tmp_path / "folder/new"
    fresh.write_text("same")
    stale.write_text("old")
    texts = {fresh: "same", stale: "new", new: "new"}
    monkeypatch.setattr("host.tools.types.__main__.documents", lambda: texts)
    monkeypatch.setattr("host.tools.types.__main__.ROOT", tmp_path)
    main()
    assert {path: path.read_text() for path in texts} == texts
    assert capsys.readouterr().out == "generate: stale\ngenerate: folder/new\n"


# -- schemas and models ---------------------------------------------------------------------------


@pytest.mark.parametrize("type_", SCHEMAS)
def test_each_schema_is_one(type_: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[type_])
    assert SCHEMAS[type_]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_there_are_samples_of_each_message() -> None:
    assert sorted(SAMPLES) == sorted(MODELS)
    assert all(of.accepted and of.refused for of in SAMPLES.values())


@pytest.mark.parametrize("type_", SAMPLES)
def test_schema_and_model_agree(type_: str) -> None:
    for text in SAMPLES[type_].accepted:
        assert (model_accepts(type_, text), schema_accepts(type_, text)) == (True, True), text
    for text in SAMPLES[type_].refused:
        assert (model_accepts(type_, text), schema_accepts(type_, text)) == (False, False), text
    for text in SAMPLES[type_].only_the_model_refuses:
        assert (model_accepts(type_, text), schema_accepts(type_, text)) == (False, True), text


@pytest.mark.parametrize("type_", sorted({*KNOWN}))
def test_a_bus_judges_as_the_models_do(type_: str) -> None:
    """The early listener sees to ids of null: in its words, that is one that was not sent."""
    of = SAMPLES[type_]
    verdicts = dict.fromkeys(of.accepted, True)
    verdicts |= dict.fromkeys([*of.refused, *of.only_the_model_refuses], False)
    for text, verdict in verdicts.items():
        envelope = parse_envelope(text)
        if envelope is None or envelope.type != type_ or '"id": null' in text:
            assert not verdict, text
            continue
        assert bus_accepts(envelope) is verdict, text


def bus_accepts(envelope: Envelope) -> bool:
    try:
        require(envelope, KNOWN)
        parse_payload(envelope)
    except BusError:
        return False
    return True


def test_a_schema_never_refuses_a_redirect_url_that_the_model_accepts() -> None:
    """What is said of each sample for redirect URLs; only what is said of hosts goes further."""
    beyond = (
        "must be https (http only",
        "host that is neither",
        "is not a valid URL",
        "as the URL standard serialises it",
    )
    for url in [*GOOD_URLS, *BAD_URLS, *OTHERWISE_WRITTEN, *NOT_ASCII]:
        text = json.dumps(
            {"type": "AUTH.SSO", "payload": {"code": "c", "redirectUrl": url or "\n"}}
        )
        try:
            MODELS["AUTH.SSO"].validate_json(text)
            problem = ""
        except ValidationError as error:
            problem = str(error)
        words_only = any(words in problem for words in beyond)
        assert schema_accepts("AUTH.SSO", text) is (not problem or words_only), url


PIECES = ["https", "HTTP", "http", ":", "/", "//", "://", "localhost", "127.1", "app.example.com", "[::1]", ".", "@", "#", "?",
          "\\", " ", "\n", "\0", "%20", "%", ";", "*", "<", "a", ":80", "\u00fc", "\u2028", "\x85", "\U0001f600"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_nor_one_of_any_other_kind(url: str) -> None:
    for each in (url, f"https://app.example.com{url}"):
        text = json.dumps({"type": "AUTH.SSO", "payload": {"code": "c", "redirectUrl": each}})
        assert schema_accepts("AUTH.SSO", text) or not model_accepts("AUTH.SSO", text)


@pytest.mark.parametrize("type_", sorted({*KNOWN} - {"BUS.CANCEL"}))
def test_each_field_of_a_request_says_what_it_is(type_: str) -> None:
    request: Any = AnyRequest
    [model] = [
        m for m in get_args(request) if get_args(m.model_fields["type"].annotation) == (type_,)
    ]
    payload = model.model_fields["payload"].annotation
    assert set(field_docs(payload)) == set(payload.model_fields)
    assert "code" in field_docs(Fault)


def test_descriptions_are_about_the_message() -> None:
    text = "".join(DOCUMENTS.values())
    assert "protocol.md" not in text
    assert first_paragraph('One (protocol.md, "Two")\n    line.\n\n    More.') == "One line."
    assert first_paragraph(None) == ""


# -- what the bus sends ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "credentials", [{"idToken": "a", "refreshToken": "b"}, {"legacy_token": "c"}]
)
@pytest.mark.parametrize("id_", [None, "1"])
def test_what_the_bus_fulfils(id_: str | None, credentials: dict[str, str]) -> None:
    answer = SignedIn.model_validate(SIGNED_IN | {"credentials": credentials})
    reply = fulfilled(Envelope(type="AUTH.SSO", id=id_), Answer(answer, 201))
    assert assert_from_bus(reply) == "AUTH.SSO_FULFILLED"


def test_what_the_bus_pushes() -> None:
    tokens = MigratedCredentials(idToken="a", refreshToken="b")
    pushes = [
        token_refreshed(tokens),
        refresh_token_expired(),
        session_changed({"name": "x"}),
        session_changed(None),
    ]
    assert [assert_from_bus(text) for text in pushes] == [*PUSHED, "AUTH.SESSION_CHANGED"]


@pytest.mark.parametrize("id_", [None, "1"])
@pytest.mark.parametrize(
    ("type_", "answer"),
    [
        ("AUTH.EMAIL_AND_PASSWORD", Answer(SignedIn.model_validate(SIGNED_IN), 200)),
        ("AUTH.CREDENTIALS", Answer(Holding.model_validate(SIGNED_IN))),
        ("AUTH.CREDENTIALS", Answer(Holding.model_validate(SIGNED_IN | {"expiresAt": 1}))),
        ("AUTH.SIGN_OUT", Answer(SignedOut())),
        ("AUTH.SIGN_OUT", Answer(SignedOut(logoutUrl="https://login.example.com/"))),
        ("BUS.REGISTER", Answer(None)),
        ("BUS.REGISTER", Answer(Restored(user={"name": "x"}))),
        ("BUS.INIT", Answer(None)),
        ("BUS.DESTROY", Answer(None)),
    ],
    ids=str,
)
def test_what_a_session_is_answered_with(id_: str | None, type_: str, answer: Answer) -> None:
    name = assert_from_bus(fulfilled(Envelope(type=type_, id=id_), answer))
    assert name == f"{type_}_FULFILLED"


@pytest.mark.parametrize("id_", [None, "1"])
@pytest.mark.parametrize(
    "error",
    [
        *(BusError(code, "m") for code in CODES),
        BusError("BACKEND_ERROR", "m", status=502),
        BusError("INVALID_PAYLOAD", "m", details=(Detail(("a", 0), "m"),) * 64),
        invalid_field("nonce", "m"),
        Rejected(None, status=400),
        Rejected({"code": "x"}, status=503),
    ],
    ids=str,
)
def test_what_the_bus_rejects(id_: str | None, error: BusError | Rejected) -> None:
    for type_ in {*KNOWN} - {"BUS.CANCEL"}:
        either = type_ in ("AUTH.SSO", "AUTH.EMAIL_AND_PASSWORD", "AUTH.CREDENTIALS")
        if either or isinstance(error, BusError):
            name = assert_from_bus(rejected(Envelope(type=type_, id=id_), error))
            assert name == f"{type_}_REJECTED"
    if isinstance(error, BusError):
        assert assert_from_bus(rejected(Envelope(type="A.B", id=id_), error)) == "OTHER_REJECTED"


def test_what_the_bus_announces() -> None:
    assert assert_from_bus(ready()) == "BUS.READY"
    # early.js says the other one by itself; the same in a browser: tests/e2e/test_types.py
    [said] = re.findall(r"announce\(\{ type: \"BUS.LISTENING\".*\}\);", EARLY)
    assert f"protocol: {PROTOCOL} " in said


EARLY = (ROOT / "bus/early.js").read_text(encoding="utf-8")


# -- the codes of the modules for hosts -----------------------------------------------------------


def test_the_declarations_have_every_code_of_the_modules() -> None:
    used = codes_of_the_modules()
    declared = DOCUMENTS[ROOT / "host/client/client.d.ts"]
    errors = declared.split("\n// ---- errors ")[1].split("\n// ---- the bus ")[0]
    assert set(re.findall(r'"([A-Z_]+)"', errors)) == used
    assert used & set(CODES) == {"PAGE_HIDDEN"}


def test_the_declarations_have_every_export_of_the_modules() -> None:
    for name in ("client", "mock", "session", "signin", "warm"):
        exported = re.findall(
            r"^export (?:async )?(?:function|class|const) (\w+)",
            (ROOT / f"host/client/{name}.js").read_text("utf-8"),
            re.MULTILINE,
        )
        declared = re.findall(
            r"^export declare (?:function|const) (\w+)",
            DOCUMENTS[ROOT / f"host/client/{name}.d.ts"],
            re.MULTILINE,
        )
        assert exported
        assert set(exported) == set(declared)


# -- the document of the protocol -----------------------------------------------------------------


def test_the_document_has_every_message_that_is_built() -> None:
    document = asyncapi()
    names = set(document["components"]["messages"])
    answered = {*KNOWN} - {"BUS.CANCEL"}
    replies = {f"{type_}_{end}" for type_ in answered for end in ("FULFILLED", "REJECTED")}
    assert names == {*KNOWN} | replies | FROM_BUS | {"BUS.DEBUG", "OTHER", "OTHER_REJECTED"}
    assert names == set(MODELS)
    for channel in document["channels"].values():
        names -= set(channel["messages"])
    assert not names  # each travels somewhere
    assert {*PUSHED, *ANNOUNCED} == FROM_BUS | {"BUS.DEBUG"}


def test_the_messages_of_the_document_are_the_schemas() -> None:
    for name, message in asyncapi()["components"]["messages"].items():
        assert message["payload"]["$ref"] == f"./schema/{name}.json"
        assert (ROOT / "docs" / message["payload"]["$ref"]).exists()
        assert SCHEMAS[name] == message_schema(next(m for m in MESSAGES if m.type == name))
